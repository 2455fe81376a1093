/** A short run of bench/proof-outbox.ts. */
import { expect, test } from 'vitest';

import { exitsByItself } from '../support/sockets.ts';

test('orders of processes that are killed and frozen, while the server fails, arrive once and in order', async () => {
  const proof = `process.argv.push('--smoke', 'cases', 'file'); await import('./bench/proof-outbox.ts');`;
  const { code, stdout, stderr } = await exitsByItself(proof, { timeout: 170_000 });
  expect([code, stderr], stdout).toEqual([0, '']);
  expect(stdout).toContain('proved: each order once, and in order');
}, 180_000);
