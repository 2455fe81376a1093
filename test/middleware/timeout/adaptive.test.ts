import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  adaptive,
  createFetch,
  flush,
  memory,
  meanPlusDeviation,
  quantile,
  rto,
  StorageError,
  timeout,
  type Adaptive,
  type Context,
  type Estimate,
  type Storage,
} from '../../../src/index.ts';
import { simulate, lognormal, random } from '../../../bench/lib/simulate.ts';
import { contextOf } from '../../support/context.ts';

const url = 'http://api.example/users/1';

/** A context for `measure`. */
function context(storage: Storage = memory(), at: string = url, method = 'GET'): Context {
  return contextOf({ request: new Request(at, { method }), storage });
}

const repeat = (times: number, ms: number): number[] => Array.from({ length: times }, () => ms);

function feed(limit: Adaptive, ctx: Context, latencies: readonly number[]): void {
  for (const ms of latencies) limit.measure(ctx, 'headers').finished(ms);
}

describe('adaptive', () => {
  test('is `initial` until there are minSamples', () => {
    const limit = adaptive();
    const ctx = context();
    expect(limit.measure(ctx, 'headers').limit).toBe(2_000);
    feed(limit, ctx, [1_000, 1_000]);
    expect(limit.measure(ctx, 'headers').limit).toBe(2_000);
    feed(limit, ctx, [1_000]);
    expect(limit.measure(ctx, 'headers').limit).toBe(1_000);
  });

  test('is mean plus two sample standard deviations, rounded up to two significant digits', () => {
    const limit = adaptive();
    const ctx = context();
    feed(limit, ctx, [600, 700, 800, 900, 1_500]); // mean 900, sample sd 353.553
    expect(limit.measure(ctx, 'headers').limit).toBe(1_700); // of 1,607.1
  });

  test.each([
    [0.4, 1],
    [9.1, 10],
    [99.5, 100],
    [100, 100],
    [101, 110],
    [1_234.5, 1_300],
    [1_300, 1_300],
    [98_765, 99_000],
    [99_001, 99_500],
  ])('of %d ms is rounded up to %d, and never beyond `max`', (estimate, expected) => {
    const limit = adaptive({ min: 0.1, max: 99_500, estimate: () => estimate });
    const ctx = context();
    feed(limit, ctx, [1, 1, 1]);
    expect(limit.measure(ctx, 'headers').limit).toBe(expected);
  });

  test('is rounded up as well after it was doubled, and not while it is `initial`', () => {
    const limit = adaptive({ initial: 1_234 });
    const ctx = context();
    expect(limit.measure(ctx, 'headers').limit).toBe(1_234);
    limit.measure(ctx, 'headers').expired();
    expect(limit.measure(ctx, 'headers').limit).toBe(2_500); // of 2,468
  });

  test('is clamped to 500..5000', () => {
    const fast = context();
    const slow = context();
    const limit = adaptive();
    feed(limit, fast, [10, 11, 12]);
    feed(limit, slow, [1_000, 4_000, 9_000]);
    expect(limit.measure(fast, 'headers').limit).toBe(500);
    expect(limit.measure(slow, 'headers').limit).toBe(5_000);
  });

  test('is not lowered by one early fast sample', () => {
    const limit = adaptive();
    const ctx = context();
    feed(limit, ctx, [50]);
    expect(limit.measure(ctx, 'headers').limit).toBe(2_000);
    feed(limit, ctx, [50]);
    expect(limit.measure(ctx, 'headers').limit).toBe(2_000);
  });

  test('follows the last `window` latencies only', () => {
    const limit = adaptive({ window: 4, min: 1, estimate: (samples) => Math.max(...samples) });
    const ctx = context();
    feed(limit, ctx, [900, 1, 2, 3]);
    expect(limit.measure(ctx, 'headers').limit).toBe(900);
    feed(limit, ctx, [4]);
    expect(limit.measure(ctx, 'headers').limit).toBe(4);
  });

  test('is learned by method, origin and path without query and ids, by kind of wait, and by storage', () => {
    const limit = adaptive();
    const storage = memory();
    feed(limit, context(storage, 'http://api.example/users/1?page=1'), [1_000, 1_000, 1_000]);
    const at = (ctx: Context, what = 'headers'): number => limit.measure(ctx, what).limit;
    expect(at(context(storage, 'http://api.example/users/2?page=9'))).toBe(1_000);
    expect(at(context(storage, 'http://api.example/users/018f4d2e-5b1c-7cc3-98c4-dc0c0c07398f'))).toBe(1_000);
    expect(at(context(storage, 'http://api.example/orders/1'))).toBe(2_000);
    expect(at(context(storage, 'http://other.example/users/1'))).toBe(2_000);
    expect(at(context(storage, url, 'POST'))).toBe(2_000);
    expect(at(context(storage), 'total')).toBe(2_000);
    expect(at(context(memory()))).toBe(2_000);
  });

  test('doubles after a wait that expired, and comes down as waits finish', () => {
    const limit = adaptive();
    const ctx = context();
    feed(limit, ctx, repeat(100, 50));
    const limits: number[] = [];
    for (let call = 0; call < 4; call += 1) {
      const wait = limit.measure(ctx, 'headers');
      limits.push(wait.limit);
      wait.expired();
    }
    expect(limits).toEqual([500, 1_000, 2_000, 4_000]);
    expect(limit.measure(ctx, 'headers').limit).toBe(5_000);
    feed(limit, ctx, repeat(100, 50));
    expect(limit.measure(ctx, 'headers').limit).toBe(500);
  });

  test('is the estimate again after one window of finished waits, even slow ones', () => {
    const limit = adaptive();
    const ctx = context();
    feed(limit, ctx, repeat(100, 400));
    limit.measure(ctx, 'headers').expired();
    feed(limit, ctx, repeat(50, 400));
    expect(limit.measure(ctx, 'headers').limit).toBeGreaterThan(799); // twice their latency
    feed(limit, ctx, repeat(50, 400));
    expect(limit.measure(ctx, 'headers').limit).toBe(500);
  });

  test('is the estimate again as soon as that is above the doubled limit', () => {
    const limit = adaptive({ min: 1, estimate: (samples) => samples.at(-1)! });
    const ctx = context();
    feed(limit, ctx, repeat(3, 100));
    limit.measure(ctx, 'headers').expired();
    feed(limit, ctx, [1_000, 1]);
    expect(limit.measure(ctx, 'headers').limit).toBe(1);
  });

  test('is not lowered by a wait that expires under an earlier, shorter limit', () => {
    const limit = adaptive();
    const ctx = context();
    feed(limit, ctx, repeat(100, 50));
    const earlier = limit.measure(ctx, 'headers');
    for (let call = 0; call < 3; call += 1) limit.measure(ctx, 'headers').expired();
    earlier.expired();
    expect(limit.measure(ctx, 'headers').limit).toBe(4_000);
  });

  test('is `initial` for a call without a key, and learns nothing from that call', () => {
    const limit = adaptive({ key: () => undefined, initial: 777 });
    const ctx = context();
    feed(limit, ctx, [1, 1, 1, 1]);
    expect(limit.measure(ctx, 'headers').limit).toBe(777);
  });

  test.each([
    ['adaptive min', { min: 0 }],
    ['adaptive max must be at least min, 500, got 400', { max: 400 }],
    ['adaptive initial', { initial: 'x' }],
    ['adaptive minSamples must be a whole number of 1 or more', { minSamples: 0 }],
    ['adaptive window must be a whole number of 20 or more, got 10', { minSamples: 20, window: 10 }],
    ['adaptive estimate must be a function', { estimate: 0.99 }],
    ['adaptive has no option percentile', { percentile: 99 }],
  ])('refuses: %s', (message, options) => {
    expect(() => adaptive(options as never)).toThrow(message);
  });
});

describe('an estimate', () => {
  test.each<[string, Estimate, number[], number]>([
    ['mean of one sample', meanPlusDeviation(2), [40], 40],
    ['mean and deviation', meanPlusDeviation(1), [1, 2, 3, 4], 2.5 + Math.sqrt(5 / 3)],
    ['a quantile by nearest rank', quantile(0.5, { factor: 1 }), [4, 1, 3, 2], 2],
    ['the highest', quantile(1, { factor: 1 }), [4, 9, 3], 9],
    ['the lowest', quantile(0, { factor: 1 }), [4, 9, 3], 3],
    ['a quantile with room', quantile(0.99), [100], 150],
    ['RFC 6298 after one sample: R + 4 R/2', rto(), [100], 300],
    ['RFC 6298 after two', rto(), [100, 200], 112.5 + 4 * (50 * 0.75 + 100 * 0.25)],
    ['RFC 6298 with no variation: G', rto(), repeat(500, 80), 81],
  ])('is: %s', (_name, estimate, samples, expected) => {
    expect(estimate(samples)).toBeCloseTo(expected, 6);
  });

  test('of quantile(0.07) of 100 samples is the seventh', () => {
    expect(quantile(0.07, { factor: 1 })(Array.from({ length: 100 }, (_, index) => index + 1))).toBe(7);
  });
});

describe('timeout with adaptive limits', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const after = (latency: () => number) => (_input: unknown, init?: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const timer = setTimeout(() => resolve(new Response('ok')), latency());
      init!.signal!.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(init!.signal!.reason);
      });
    });

  test('serves a route that becomes ten times slower for good again within ten calls', async () => {
    let latency = 300;
    const fetch = createFetch({ use: [timeout({ headers: adaptive() })], fetch: after(() => latency) });
    const call = async (): Promise<boolean> => {
      const result = fetch(url).then(
        () => true,
        () => false,
      );
      await vi.runAllTimersAsync();
      return result;
    };
    for (let warm = 0; warm < 120; warm += 1) expect(await call()).toBe(true);
    latency = 3_000;
    const served: boolean[] = [];
    for (let later = 0; later < 200; later += 1) served.push(await call());
    expect(served.indexOf(true)).toBeLessThan(10);
    expect(served.slice(10)).not.toContain(false);
  });

  test('tightens the limit within one window after a recovery', async () => {
    let latency = 300;
    const limit = adaptive();
    const storage = memory();
    const fetch = createFetch({ use: [timeout({ headers: limit })], storage, fetch: after(() => latency) });
    const call = async (): Promise<void> => {
      const result = fetch(url).catch(() => undefined);
      await vi.runAllTimersAsync();
      await result;
    };
    for (let warm = 0; warm < 120; warm += 1) await call();
    latency = 3_000;
    for (let slow = 0; slow < 100; slow += 1) await call();
    latency = 300;
    for (let recovered = 0; recovered < 100; recovered += 1) await call();
    expect(limit.measure(context(storage), 'headers').limit).toBe(500);
  });

  test('measures total to the last byte and idle between chunks', async () => {
    const storage = memory();
    const seen: Record<string, number[]> = {};
    const spy: Adaptive = {
      measure: (_ctx, what) => ({ limit: 10_000, finished: (ms) => void (seen[what] ??= []).push(ms), expired() {} }),
    };
    const body = (): ReadableStream =>
      new ReadableStream(
        {
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 40));
            controller.enqueue(new Uint8Array(1));
            if ((chunks += 1) === 3) controller.close();
          },
        },
        { highWaterMark: 0 },
      );
    let chunks = 0;
    const fetch = createFetch({
      use: [timeout({ total: spy, headers: spy, idle: 9_000 }), timeout({ idle: spy })],
      storage,
      fetch: async () => new Response(body()),
    });
    const text = (await fetch(url)).text();
    await vi.advanceTimersByTimeAsync(200);
    await text;
    expect(seen).toEqual({ headers: [0], total: [120], idle: [40, 40, 40] });
  });

  test.each([
    ['a body that is cancelled', 'text/plain'],
    ['an event stream', 'text/event-stream'],
  ])('takes no sample of total from %s', async (_, type) => {
    const finished = vi.fn();
    const spy: Adaptive = { measure: () => ({ limit: 10_000, finished, expired() {} }) };
    const headers = { 'content-type': type };
    const fetch = createFetch({ use: [timeout({ total: spy })], fetch: async () => new Response('body', { headers }) });
    const response = await fetch(url);
    await (type === 'text/plain' ? response.body!.cancel() : response.text());
    expect(finished).not.toHaveBeenCalled();
    await (await fetch(url)).text();
    expect(finished).toHaveBeenCalledTimes(type === 'text/plain' ? 1 : 0);
  });

  test('takes no sample from a cancelled attempt', async () => {
    const storage = memory();
    const limit = adaptive({ minSamples: 1 });
    const fetch = createFetch({ use: [timeout({ headers: limit })], storage, fetch: after(() => 1_000) });
    const leaving = new AbortController();
    const result = fetch(url, { signal: leaving.signal }).catch(() => 'left');
    await vi.advanceTimersByTimeAsync(700);
    leaving.abort();
    expect(await result).toBe('left');
    expect(limit.measure(context(storage), 'headers').limit).toBe(2_000);
  });

  test('keeps learning in memory if the storage fails', async () => {
    const broken = {
      ...memory(),
      get: () => Promise.reject(new StorageError('down')),
      set: () => Promise.reject(new StorageError('down')),
    };
    const limit = adaptive();
    const fetch = createFetch({ use: [timeout({ headers: limit })], storage: broken, fetch: after(() => 1_000) });
    for (let calls = 0; calls < 3; calls += 1) {
      const result = fetch(url);
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await result).status).toBe(200);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    await flush(broken);
    expect(limit.measure(context(broken), 'headers').limit).toBe(1_000);
  });
});

describe('an adaptive limit in a seeded simulation', () => {
  test('times out less than 1 % of good calls under a stationary lognormal load with quantile(0.99)', () => {
    const { falseTimeouts } = simulate({
      limit: adaptive({ min: 1, max: 60_000, minSamples: 20, estimate: quantile(0.99) }),
      latencies: lognormal({ median: 100, sigma: 0.6, random: random(7) }),
      calls: 20_000,
    });
    expect(falseTimeouts).toBeLessThan(0.01);
  });
});
