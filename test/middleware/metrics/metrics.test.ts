import { describe, expect, test } from 'vitest';
import { constant, createFetch, hedge, metrics, retry } from '../../../src/index.ts';
import { silent, stub } from '../../support/call.ts';

const url = 'http://api.example/users/7';

describe('metrics', () => {
  test('is empty before the first call', () => {
    expect(metrics().snapshot()).toMatchObject({ calls: 0, errorRate: 0, inFlight: 0, p50: undefined, routes: {} });
  });

  test('counts calls, errors, attempts, retries and hedges, in all and by route', async () => {
    const policy = metrics();
    const use = [policy, retry({ retries: 1, backoff: constant(0) }), hedge({ delay: 5 })];
    const { fetch } = stub(use, async (attempt) => {
      if (attempt === 4) await new Promise(() => {});
      return new Response(null, { status: attempt < 3 ? 503 : 200 });
    });
    await fetch(url); // two copies that fail at once, then a good response
    await fetch('http://api.example/users/8?page=2'); // a copy overtakes the original
    await fetch('http://api.example/orders', { metrics: false });
    const { routes, ...total } = policy.snapshot();
    const expected = { calls: 2, errors: 0, errorRate: 0, attempts: 5, retries: 1, hedges: 2 };
    expect(total).toMatchObject({ ...expected, inFlight: 0 });
    expect(routes).toMatchObject({ 'GET http://api.example/users/:id': expected });
    expect(Object.keys(routes)).toHaveLength(1);
    expect(total.p50).toBeGreaterThan(0);
    expect(total.p99).toBeGreaterThanOrEqual(total.p50!);
    expect(total['kyoa.call.duration'].count).toBe(2);
  });

  test('counts a 5xx and a rejection as an error, but not a 4xx or an abort by the caller', async () => {
    const policy = metrics();
    const statuses = [500, 404, undefined, 200];
    const { fetch } = stub([policy], () => {
      const status = statuses.shift();
      if (status === undefined) throw new TypeError('fetch failed');
      return new Response(null, { status });
    });
    for (let n = 0; n < 4; n += 1) await fetch(url).catch(() => {});
    expect(policy.snapshot()).toMatchObject({ calls: 4, errors: 2, errorRate: 0.5, inFlight: 0 });

    const left = new AbortController();
    const call = createFetch({ use: [policy], fetch: silent })(url, { signal: left.signal });
    expect(policy.snapshot().inFlight).toBe(1);
    left.abort();
    await expect(call).rejects.toThrow('aborted');
    expect(policy.snapshot()).toMatchObject({ calls: 5, errors: 2, inFlight: 0 });
  });

  test('measures requests and calls under the names of OpenTelemetry', async () => {
    const policy = metrics();
    const { fetch } = stub(
      [policy, retry({ retries: 2, backoff: constant(0) })],
      () => new Response(null, { status: 503 }),
    );
    await fetch(url);
    expect(policy.snapshot()['http.client.request.duration'].count).toBe(3);
    expect(policy.snapshot()['kyoa.call.duration'].count).toBe(1);
  });

  test('counts 1,000 routes on their own, and all others together', async () => {
    const policy = metrics({ key: ({ request }) => request.url });
    const { fetch } = stub([policy], () => new Response(null));
    for (let n = 0; n < 1_100; n += 1) await fetch(`http://api.example/route-${n}`);
    const { routes } = policy.snapshot();
    expect(Object.keys(routes)).toHaveLength(1_001);
    expect(routes['_OTHER']?.calls).toBe(100);
  });

  test('counts a call without a key in the totals only', async () => {
    const policy = metrics({ key: () => undefined });
    await stub([policy], () => new Response(null)).fetch(url);
    expect(policy.snapshot()).toMatchObject({ calls: 1, routes: {} });
  });

  test('throws for invalid options', () => {
    expect(() => metrics({ key: 'url' } as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
