/** A short run of a part of bench/proof-auth.ts. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect } from 'vitest';

import { root } from './lanes.ts';

export function expectProved(part: string): void {
  const proof = [join(root, 'bench/proof-auth.ts'), '--smoke', part];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved');
}
