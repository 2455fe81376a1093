/** A short run of `npm run proof:transport`. */
import { expect, test } from 'vitest';
import { exitsByItself } from '../../../support/sockets.ts';

test('2,000 calls, most of them aborted, leave no socket, listener, timer or heap', { timeout: 40_000 }, async () => {
  const code = `process.argv.push('--calls=2000'); await import('./bench/proof-transport.ts');`;
  const { code: exit, stdout, stderr } = await exitsByItself(code, { timeout: 35_000 });
  expect([exit, stderr]).toEqual([0, '']);
  expect(stdout).toContain('left: 0');
  expect(stdout).toMatch(/answered: \d{3}/);
});
