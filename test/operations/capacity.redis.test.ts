/** A small round of `bench/capacity.ts`: its rows and its operations, and never a speed. */
import { expect, test } from 'vitest';

import { exitsByItself } from '../support/sockets.ts';

test('counts the operations of each kind of call on each store', { timeout: 70_000 }, async () => {
  const run = `process.argv.push('--smoke'); await import('./bench/capacity.ts');`;
  const { code, stdout, stderr } = await exitsByItself(run, { timeout: 60_000 });
  expect([code, stderr]).toEqual([0, '']);
  const rows = stdout.split('\n').filter((line) => line.startsWith('| '));
  const operations = (kind: string): (string | undefined)[] =>
    rows.filter((row) => row.startsWith(`| ${kind} | `)).map((row) => row.split(' | ').at(-1)?.replace(' |', ''));
  expect(operations('no policies')).toEqual(['0']);
  expect(operations('GET, with staleIfError()')).toEqual(['1.0', '1.0', '1.0', '1.0']);
  expect(operations('POST with requestId')).toEqual(['3.0', '3.0', '3.0', '3.0']);
  expect(operations('the same, repeated')).toHaveLength(4);
  expect(stdout).toMatch(/a core of Redis is 70 % busy with \d+ POSTs a second/);
});
