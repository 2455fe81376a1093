/** What the compiler says about documents in code. */
import type { Middleware } from 'kyoa';
import { checkPolicy, type PolicyDocument } from 'kyoa/policy';
import { expect, test } from 'vitest';

test('a right document compiles', () => {
  const document: PolicyDocument = {
    use: [
      'trace',
      { standard: { retry: { retries: 2, backoff: { exponential: [100, 5_000] } }, dedupe: false } },
      { timeout: { total: 'Infinity', headers: { adaptive: { min: 50 } } } },
      { hedge: 0.05 },
      { breaker: false },
      { limit: { concurrency: 4, queue: 'Infinity', key: 'byOrigin' } },
      { endpoints: { list: [{ url: { env: 'SPARE_URL' } }, { url: 'https://a.example', weight: 2 }] } },
      { tenant: { id: 'acme' } },
    ],
  };
  const tenant =
    (_: { id: string }): Middleware =>
    (_ctx, next) =>
      next();
  expect(checkPolicy(document, { middleware: { tenant } }).problems).toEqual([]);
});

test('a misspelt option and an option of a wrong kind do not compile', () => {
  // @ts-expect-error retries is misspelt
  const misspelt: PolicyDocument = { use: [{ retry: { retires: 2 } }] };
  // @ts-expect-error a number is in quotes
  const quoted: PolicyDocument = { use: [{ retry: { retries: '2' } }] };
  for (const document of [misspelt, quoted]) expect(checkPolicy(document).problems).toHaveLength(1);
});
