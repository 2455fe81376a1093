/** The two programs of bench/ about storage, in short. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

function smoke(script: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'bench', script), '--smoke'], { encoding: 'utf8' });
}

test('file loses nothing that it acknowledged, and grants no key twice, to writers killed with SIGKILL', () => {
  const { status, stdout, stderr } = smoke('proof-storage.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: nothing acknowledged was lost, nothing was claimed twice');
}, 60_000);

test('the comparison with node:sqlite runs', () => {
  const { status, stdout, stderr } = smoke('storage.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/file\(\) within 3 times node:sqlite: .*; memory\(\) get below 1 us: /);
}, 60_000);
