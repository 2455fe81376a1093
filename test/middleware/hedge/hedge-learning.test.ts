import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFetch, hedge, memory, observe, type Fetch, type KyoaEvent } from '../../../src/index.ts';
import { latencyHistory } from '../../../src/lib/latency/history.ts';
import { url } from '../../support/http.ts';
import { scripted, type Step } from './script.ts';

describe('the learned delay of hedge', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(async () => {
    await vi.runAllTimersAsync(); // the history is written
    vi.useRealTimers();
  });

  /** A fetch whose originals take the latency of the call, and whose copies follow `copy`. */
  function learner(options: Parameters<typeof hedge>[0], copy: Step = { ms: 5 }) {
    const storage = memory();
    const events: KyoaEvent[] = [];
    let latency: Step = { ms: 0 };
    let copies = 0;
    const { transport } = scripted(copy);
    const fetch = createFetch({
      use: [
        observe((event) => events.push(event)),
        hedge(options),
        async function step(ctx, next) {
          if (ctx.attempt > 1) copies += 1;
          return ctx.attempt > 1 ? next() : scripted(latency).transport(ctx.request, { signal: ctx.signal });
        },
      ],
      storage,
      fetch: transport,
    });
    return {
      storage,
      events,
      copies: () => copies,
      call: async (ms: number, path = '', init: Parameters<typeof fetch>[1] = {}, status = 200) => {
        latency = { ms, status };
        const pending = fetch(url + path, init).catch(() => undefined);
        await vi.advanceTimersByTimeAsync(ms + 10);
        await pending;
      },
    };
  }

  test('does not exist before there are 20 samples', async () => {
    const { call, copies } = learner({ ratio: 0.5 });
    for (let sample = 0; sample < 20; sample += 1) {
      await call(1_000 + 10 * sample); // each is slower than all before it
      expect(copies()).toBe(0);
    }
    await call(1_500);
    expect(copies()).toBe(1);
  });

  test('is the 1 - ratio quantile of the route', async () => {
    const { call, events } = learner({ ratio: 0.1 });
    const delays = (): number[] => events.flatMap((event) => (event.type === 'hedge.launched' ? [event.delay] : []));
    for (let ms = 99; ms >= 1; ms -= 1) await call(ms, `users/${ms}`);
    expect(delays()).toEqual([]);
    await call(500, 'users/7?full');
    await call(500, 'orders');
    expect(delays()).toEqual([90]);
  });

  test('counts an original that lost as a censored sample of 1.5 times the wait', async () => {
    const { call, storage } = learner({ ratio: 0.1, budget: false });
    for (let sample = 0; sample < 20; sample += 1) await call(10);
    const { samples } = latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000).window;
    expect(samples).toEqual(Array.from({ length: 20 }, () => 10));
    await call(700);
    expect(latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000).window.samples.at(-1)).toBe(
      22.5,
    );
  });

  test('learns nothing from bad responses, from calls aborted before the delay and from calls with a delay of their own', async () => {
    const { call, storage } = learner({ ratio: 0.1 });
    const size = (): number =>
      latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000).window.size;
    for (let sample = 0; sample < 20; sample += 1) await call(100);
    await call(1, '', {}, 503);
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 10);
    await call(30, '', { signal: leaving.signal });
    await call(1, '', { hedge: { delay: 50 } });
    await call(1, '', { hedge: false });
    expect(size()).toBe(20);
    await call(101, '', {});
    expect(size()).toBe(21);
  });

  test('learns nothing from bad responses while it has too few samples, and none when all copies fail', async () => {
    const { call, storage } = learner({ ratio: 0.1 }, { ms: 5, status: 503 });
    const { window } = latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000);
    await call(100, '', {}, 503);
    expect(window.size).toBe(0);
    for (let sample = 0; sample < 20; sample += 1) await call(100);
    await call(1, '', {}, 503);
    expect(window.size).toBe(20);
  });

  test('learns nothing from an original that failed before the caller aborted', async () => {
    const { call, copies, storage } = learner({ ratio: 0.1 }, { ms: 1_000 });
    const { window } = latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000);
    for (let sample = 0; sample < 20; sample += 1) await call(100);
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 205);
    await call(200, '', { signal: leaving.signal }, 503);
    expect([copies(), window.size]).toEqual([1, 20]);
  });

  test('costs no more than ratio and reserve when a service becomes slower for good, and then adapts to it', async () => {
    const { call, copies } = learner({ ratio: 0.05 });
    for (let sample = 0; sample < 200; sample += 1) await call(20);
    const before = copies();
    for (let sample = 0; sample < 1_500; sample += 1) await call(200);
    expect(copies() - before).toBeLessThan(1_500 * 0.05 + (10 * 1_500 * 210) / 10_000);
    const settled = copies();
    for (let sample = 0; sample < 100; sample += 1) await call(200);
    expect(copies()).toBe(settled);
  });

  test('does not exist with a ratio of 0, with a key of undefined and with no hedges', async () => {
    for (const options of [{ ratio: 0 }, { key: () => undefined }, { hedges: 0 }]) {
      const { call, copies } = learner(options);
      for (let sample = 0; sample < 30; sample += 1) await call(10);
      await call(1_000);
      expect(copies()).toBe(0);
    }
  });
});

describe('hedge in a program that was busy', () => {
  /** Responds as a socket does, after the timers that are due. Meanwhile the program is busy for `pause` ms. */
  const respondDuring = (pause: number): Fetch => {
    return () =>
      new Promise((resolve) => {
        setImmediate(() => resolve(new Response('good')));
        queueMicrotask(() => {
          const until = performance.now() + pause;
          while (performance.now() < until);
        });
      });
  };

  test('reads a response that arrived meanwhile before it sends a copy, and records it as in time', async () => {
    const storage = memory();
    const events: KyoaEvent[] = [];
    const use = [observe((event) => events.push(event)), hedge({ ratio: 0.05 })];
    const fetch = createFetch({ use, storage, fetch: respondDuring(40) });
    const series = latencyHistory(storage).series('hedge 0.05', 'GET http://api.example/', 1_000);
    for (let sample = 0; sample < 20; sample += 1) series.add(10);
    // The call begins in a turn of the event loop whose timers run before the next `setImmediate`.
    await new Promise((resolve) => setImmediate(resolve));
    const response = await fetch(url);
    expect(await response.text()).toBe('good');
    expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(1);
    expect(series.window.samples.at(-1)).toBe(10);
  });
});
