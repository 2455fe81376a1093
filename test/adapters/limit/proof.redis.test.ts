/** Short runs of the two programs about shared limits in bench/. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

function smoke(script: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'bench', script), '--smoke'], { encoding: 'utf8' });
}

test('four processes keep a shared limit while processes and Redis are killed', () => {
  const { status, stdout, stderr } = smoke('proof-limit.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: the fleet kept its limit');
}, 300_000);

test('the comparison of permits with peers runs to its end', () => {
  const { status, stdout, stderr } = smoke('limit.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('| limit({ across }) |');
  expect(stdout).toContain('requests and tokens at 95 %');
}, 120_000);
