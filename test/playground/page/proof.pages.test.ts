/** A run of some seconds of the proof that takes five minutes. The test asserts no speed. */
import { expect, test } from 'vitest';

import { exitsByItself } from '../../support/sockets.ts';

test('bench/proof-playground counts calls and frames at 200 calls a second', { timeout: 70_000 }, async () => {
  const script = `process.argv.push('--smoke'); await import('./bench/proof-playground.ts');`;
  const { code, stdout, stderr } = await exitsByItself(script, { timeout: 60_000 });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/frames\/s/);
  expect(stdout).toMatch(/ran clean/);
});
