/** A short run of bench/proof-idempotency.ts on a file. idempotency.redis.test.ts runs it on Redis. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

test('idempotency on a file sends each request once, with one response for all, for four processes of which some are killed', () => {
  const proof = [join(root, 'bench/proof-idempotency.ts'), '--smoke', 'file'];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: each request was executed once, with one response for all callers');
}, 60_000);
