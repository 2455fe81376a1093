import { budget, createFetch, endpoints, hedge, memory, type Endpoint } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { url } from '../../support/http.ts';
import { deferred, delayed } from '../../support/promises.ts';
import { a, alwaysFirst, b, byOrigin, c, eager, hang, list, respondWith } from './transports.ts';

/** Numerical Recipes' generator: the same draws in every run. */
const seeded = (seed: number) => (): number => (seed = (seed * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;

describe('endpoints', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    ['seeded', seeded(7)],
    ['unseeded', Math.random],
  ])('gives a canary its share of 10,000 calls, within 2 points, with %s draws', async (_name, random) => {
    const weighted = [
      { url: a, weight: 90 },
      { url: b, weight: 10 },
      { url: c, weight: 0 },
    ];
    const { fetch, sent } = byOrigin([endpoints(weighted, { random })]);
    for (let n = 0; n < 10_000; n += 1) await fetch(url);
    const share = (origin: string): number => sent.filter((one) => one === origin).length / 100;
    expect(Math.abs(share(a) - 90)).toBeLessThan(2);
    expect(Math.abs(share(b) - 10)).toBeLessThan(2);
    expect(share(c)).toBe(0);
  });

  test('moves all calls that begin after an update to the new list, and none that began before', async () => {
    const route = endpoints([
      { url: a, weight: 1 },
      { url: b, weight: 0 },
    ]);
    const response = deferred<Response>();
    const { fetch, sent } = byOrigin([route], { [a]: () => response.promise });
    const blue = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    route.update([{ url: b }]);
    for (let n = 0; n < 20; n += 1) await fetch(url);
    response.resolve(new Response('blue'));
    expect(await (await blue).text()).toBe('blue');
    expect(sent).toEqual([a, ...Array.from({ length: 20 }, () => b)]);
    expect(route.snapshot().map((one) => one.url)).toEqual([b]);
  });

  test('sends each retry to another endpoint until all have been tried', async () => {
    for (let n = 0; n < 20; n += 1) {
      const { fetch, sent } = byOrigin([eager, endpoints(list)], {
        [a]: respondWith(503),
        [b]: respondWith(503),
        [c]: respondWith(503),
      });
      expect((await fetch(url)).status).toBe(503);
      expect(new Set(sent.slice(0, 3)).size).toBe(3);
      expect(sent).toHaveLength(4);
    }
  });

  test('picks the endpoint of a call without regard to what other calls tried', async () => {
    const { fetch, sent } = byOrigin([endpoints(list, { random: alwaysFirst })]);
    await fetch(url);
    await fetch(url);
    expect(sent).toEqual([a, a]);
  });

  test('keeps its own data out of ctx.state', async () => {
    let state: object | undefined;
    const { fetch } = byOrigin([
      async function look(ctx, next) {
        state = ctx.state;
        return next();
      },
      endpoints(list),
    ]);
    await fetch(url);
    expect(Reflect.ownKeys(state!)).toEqual([]);
  });

  test('sends the copy of a hedge to another endpoint', async () => {
    const route = endpoints(list);
    const { fetch, sent } = byOrigin([hedge({ delay: 50, budget: budget({ floor: 1_000 }) }), route], {
      [a]: hang,
    });
    for (let n = 0; n < 30; n += 1) {
      sent.length = 0;
      const pending = fetch(url);
      await vi.advanceTimersByTimeAsync(50);
      await (await pending).text();
      expect(new Set(sent).size).toBe(sent.length);
    }
    // The losers were aborted: they count as no failure and not as in flight, although the transport ignores its signal.
    expect(route.snapshot().map(({ failures, inFlight }) => [failures, inFlight])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  const zoned: readonly Endpoint[] = [{ url: a, zone: 'us' }, { url: b, zone: 'eu' }, { url: c }];

  test('uses a less preferred zone only when no endpoint of the zones before it is available', async () => {
    const { fetch, sent } = byOrigin([eager, endpoints(zoned, { zones: ['eu', 'us'] })], {
      [a]: respondWith(503),
      [b]: respondWith(503),
    });
    expect((await fetch(url)).status).toBe(200);
    expect(sent).toEqual([b, a, c]);
  });

  test('skips an ejected zone from the first attempt on, and uses it again when it returns', async () => {
    const route = endpoints(zoned, { zones: ['eu', 'us'], eject: { failures: 2, for: 1_000 } });
    const { fetch, sent, origins } = byOrigin([route], { [b]: respondWith(500) });
    for (let n = 0; n < 4; n += 1) await fetch(url);
    expect(sent).toEqual([b, b, a, a]);
    origins[b] = respondWith(200);
    await vi.advanceTimersByTimeAsync(1_000);
    await fetch(url);
    expect(sent.at(-1)).toBe(b);
  });

  test('takes the order of zones and the pick from the options of a call', async () => {
    const { fetch, sent } = byOrigin([endpoints(zoned, { zones: ['eu'] })]);
    await fetch(url, { endpoints: { zones: ['us'] } });
    await fetch(url, { endpoints: { pick: 'fastest' } });
    expect(sent).toEqual([a, b]);
  });
});

describe("endpoints with pick: 'fastest'", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const respondAfter = (ms: number) => (): Promise<Response> => delayed(new Response('slow'), ms);
  const run = async (fetch: (url: string) => Promise<Response>, calls: number): Promise<void> => {
    for (let n = 0; n < calls; n += 1) {
      const body = fetch(url).then((response) => response.text());
      await vi.runAllTimersAsync();
      await body;
    }
  };

  test('sends most calls to the fastest endpoint, once all latencies are known', async () => {
    const route = endpoints(list, { pick: 'fastest', random: seeded(3) });
    const { fetch, sent } = byOrigin([route], { [a]: respondAfter(90), [b]: respondAfter(10), [c]: respondAfter(60) });
    await run(fetch, 200);
    const share = (origin: string): number => sent.filter((one) => one === origin).length / 200;
    expect(share(b)).toBeGreaterThan(0.6); // two of three endpoints are drawn, so the fastest is drawn in two of three calls
    expect(share(a)).toBeLessThan(0.1);
    const [slow, fast] = route.snapshot();
    expect([slow!.latency, fast!.latency]).toEqual([90, 10]);
  });

  test('avoids an endpoint that fails at once', async () => {
    const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest', eject: { failures: 3 } });
    const { fetch, sent } = byOrigin([route], { [a]: respondWith(500), [b]: respondAfter(50) });
    await run(fetch, 50);
    expect(sent.filter((one) => one === a).length).toBeLessThan(10);
  });

  test('tries a slow endpoint again when its latency has grown old', async () => {
    const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest' });
    const { fetch, sent, origins } = byOrigin([route], { [a]: respondAfter(100), [b]: respondAfter(50) });
    await run(fetch, 10);
    origins[a] = respondAfter(5);
    await vi.advanceTimersByTimeAsync(10_000); // longer than either endpoint has had no call
    sent.length = 0;
    for (let n = 0; n < 60; n += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      await run(fetch, 1);
    }
    expect(sent.slice(-10).every((one) => one === a)).toBe(true);
  });

  test('avoids a busy endpoint, and counts a call until its body ends', async () => {
    const route = endpoints([{ url: a }, { url: b }], { pick: 'fastest' });
    const { fetch, sent } = byOrigin([route]);
    const open = [];
    for (let n = 0; n < 10; n += 1) open.push(await fetch(url));
    expect(sent.filter((one) => one === a)).toHaveLength(5);
    expect(route.snapshot().map(({ inFlight }) => inFlight)).toEqual([5, 5]);
    for (const [n, response] of open.entries()) await (n % 2 === 0 ? response.text() : response.body!.cancel());
    expect(route.snapshot().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  test('writes the latencies to the storage, for the time after a restart', async () => {
    const storage = memory();
    const transport = byOrigin([], { [a]: respondAfter(90), [b]: respondAfter(10) }).fetch;
    const open = () =>
      createFetch({ use: [endpoints([{ url: a }, { url: b }], { pick: 'fastest' })], storage, fetch: transport });
    await run(open(), 10);
    await vi.advanceTimersByTimeAsync(1_000);
    const written = [];
    for (const origin of [a, b]) written.push(JSON.parse((await storage.get(`latency endpoint ${origin}`))!.value));
    expect(written.map((samples: number[]) => samples[0])).toEqual([90, 10]);
  });
});
