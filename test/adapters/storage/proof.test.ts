/** Short runs of the two programs about storage in bench/. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

function smoke(script: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'bench', script), '--smoke'], { encoding: 'utf8' });
}

test('file loses no acknowledged write of writers killed with SIGKILL, and grants no key twice', () => {
  const { status, stdout, stderr } = smoke('proof-storage.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: nothing acknowledged was lost, nothing was claimed twice');
}, 60_000);

test('the comparison of file and memory with node:sqlite runs to its end', () => {
  const { status, stdout, stderr } = smoke('storage.ts');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/file\(\) within 3 times node:sqlite: .*; memory\(\) get below 1 us: /);
}, 60_000);
