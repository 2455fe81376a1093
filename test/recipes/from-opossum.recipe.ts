import CircuitBreaker from 'opossum';
import { breaker, createFetch, fallback, observe, timeout } from 'kyoa';

// Before
function before(report: (what: string) => void) {
  const get = async (url: string, signal?: AbortSignal) => {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw new Error(`status ${response.status}`); // or a 503 is a success
    return response;
  };
  const circuit = new CircuitBreaker(get, {
    timeout: 3_000,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: 200,
  });
  circuit.fallback(() => Response.json({ users: [] }));
  circuit.on('open', () => report('open'));
  circuit.on('close', () => report('close'));
  circuit.on('reject', () => report('reject'));
  circuit.on('fallback', () => report('fallback'));
  return circuit;
}

// After
const after = (report: (what: string) => void) =>
  createFetch({
    use: [
      observe(({ type }) => report(type)),
      fallback(() => ({ users: [] })),
      breaker({ ratio: 0.5, volume: 5, cooldown: () => 200 }),
      timeout(3_000),
    ],
  });

/** What docs/migrating/opossum.md says of opossum and of kyoa, each against the same server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { json, loopback } from './loopback.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

for (const [title, make, [open, rejected, closed, substitute]] of [
  [
    'opossum',
    (report: (what: string) => void) => {
      const circuit = before(report);
      return { get: (url: string) => circuit.fire(url) as Promise<Response>, end: () => circuit.shutdown() };
    },
    ['open', 'reject', 'close', 'fallback'],
  ],
  [
    'kyoa',
    (report: (what: string) => void) => {
      const fetch = after(report);
      return { get: (url: string) => fetch(url), end: () => {} };
    },
    ['breaker.opened', 'breaker.rejected', 'breaker.closed', 'fallback.used'],
  ],
] as const)
  test(`${title} returns the substitute, stops sending, and closes after a good response`, async () => {
    let status = 503;
    await using server = await loopback((_, response) => json(response, { users: ['Ada'] }, status));
    const events: string[] = [];
    const { get, end } = make((what) => events.push(what));
    for (let n = 0; n < 8; n += 1) assert.deepEqual(await (await get(server.url)).json(), { users: [] });
    assert.ok(server.seen.length < 8);
    for (const event of [open, rejected, substitute]) assert.ok(events.includes(event), event);

    status = 200;
    await pause(300);
    assert.deepEqual(await (await get(server.url)).json(), { users: ['Ada'] });
    assert.ok(events.includes(closed));
    end();
  });
