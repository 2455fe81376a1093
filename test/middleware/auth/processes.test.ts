/** A short run of bench/proof-auth.ts on a file. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

test('auth on file renews once for four processes, of which some are killed and frozen, and loses no call', () => {
  const proof = [join(root, 'bench/proof-auth.ts'), '--smoke', 'file'];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: one renewal for each rotation, and no call lost');
}, 60_000);
