/** A short run of bench/proof-fire.ts on a file. idempotency.redis.test.ts runs it on Redis. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

test('idempotency on a file gives no id two responses while processes are killed and stopped, clocks are set and the disk is full', () => {
  const proof = [join(root, 'bench/proof-fire.ts'), '--smoke', 'file'];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: no id has two responses');
}, 60_000);
