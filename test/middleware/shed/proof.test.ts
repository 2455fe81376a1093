/** Short runs of bench/proof-shed.ts, with real servers, and of bench/storm.ts, in virtual time. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../support/lanes.ts';

const smoke = (name: string): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, `bench/${name}.ts`), '--smoke'], { encoding: 'utf8' });

test('a server at three times its capacity has good answers with shed, and hardly any without', () => {
  const { status, stdout, stderr } = smoke('proof-shed');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/\| three times, with shed \| \d+ \|/);
}, 120_000);

test('the clients of a retry storm recover with budgets and shed, and never without', () => {
  const { status, stdout, stderr } = smoke('storm');
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  const recovery = (name: string): string => new RegExp(`^\\| ${name} \\|.* \\| (\\w+) \\|$`, 'm').exec(stdout)![1]!;
  expect(recovery('retries without a budget')).toBe('never');
  expect(recovery('and hedges without one')).toBe('never');
  expect(Number(recovery('budgets of 20 %'))).toBeLessThanOrEqual(Number(recovery('no retries')) + 3);
  expect(Number(recovery('shed, no budget'))).toBeLessThanOrEqual(2);
}, 120_000);
