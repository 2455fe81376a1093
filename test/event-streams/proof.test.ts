/** A small round of `npm run proof:events`. */
import { expect, test } from 'vitest';
import { exitsByItself } from '../support/sockets.ts';

test(
  'no event of a server that dies, closes and repeats itself is missing or comes twice',
  { timeout: 70_000 },
  async () => {
    const proof = `process.argv.push('--smoke'); await import('./bench/proof-events.ts');`;
    const { code, stdout, stderr } = await exitsByItself(proof, { timeout: 60_000 });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('proved: no event was missing, and none came twice');
  },
);
