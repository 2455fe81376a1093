import {
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  retry as retryOf,
  timeout as timeoutOf,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import { breaker, createFetch, decorrelated, limit, retry, timeout } from 'kyoa';

// Before. The timeout aborts its signal when the function has resolved, so the function reads the body.
const policy = wrap(
  retryOf(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
  circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) }),
  bulkhead(12, 4),
  timeoutOf(5_000, TimeoutStrategy.Aggressive),
);
const before = (url: string): Promise<unknown> =>
  policy.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`status ${response.status}`); // or a 503 is a success
    return response.json();
  });

// After
const resilient = createFetch({
  use: [
    retry({ retries: 3, backoff: decorrelated(128, 30_000) }),
    breaker({ cooldown: 10_000 }),
    limit({ concurrency: 12, queue: 4 }),
    timeout(5_000),
  ],
});
const after = async (url: string): Promise<unknown> => (await resilient(url)).json();

/** What docs/migrating/cockatiel.md says of cockatiel and of kyoa, each against the same server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LimitError } from 'kyoa';

import { json, loopback } from './loopback.ts';

for (const [title, get] of [
  ['cockatiel', before],
  ['kyoa', after],
] as const)
  test(`${title} sends a request again after a 503 and a reset`, async () => {
    await using server = await loopback((_, response) => json(response, { users: ['Ada'] }));
    server.trouble(503, 'reset');
    assert.deepEqual(await get(server.url), { users: ['Ada'] });
    assert.equal(server.seen.length, 3);
  });

test('12 calls run, 4 wait, and the others are refused without a retry', async () => {
  const held: (() => void)[] = [];
  await using server = await loopback((_, response) => void held.push(() => json(response, {})));
  const calls = Array.from({ length: 20 }, () => after(server.url).catch((error: Error) => error));
  for (const requests of [12, 16]) {
    await server.arrived(requests);
    for (const respond of held.splice(0)) respond();
  }
  const refused = (await Promise.all(calls)).filter((outcome) => outcome instanceof LimitError);
  assert.equal(refused.length, 4);
  assert.equal(server.seen.length, 16);
});

test('a signal of the timeout of cockatiel is aborted when the function has resolved', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  const limited = timeoutOf(5_000, TimeoutStrategy.Aggressive);
  const response = await limited.execute(({ signal }) => fetch(server.url, { signal }));
  await assert.rejects(response.json(), { name: 'AbortError' });
});
