/** Workers in Node: the name of the platform alone. test/runtimes/workerd has the platform itself. */
import { createFetch, dedupe, endpoints, limit, type KyoaEvent } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { lookAgain, lookInterval } from '../../src/lib/platform.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocketPair', vi.fn<() => void>());
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('lookAgain', () => {
  test('looks at intervals until there is nothing more to wait for', async () => {
    const look = vi.fn<() => boolean>().mockReturnValueOnce(false).mockReturnValueOnce(true);
    const done = vi.fn<() => void>();
    lookAgain(look, done);
    await vi.advanceTimersByTimeAsync(10 * lookInterval);
    expect(look).toHaveBeenCalledTimes(2);
    expect(done).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends when the caller ends it', async () => {
    const look = vi.fn<() => boolean>().mockReturnValue(false);
    lookAgain(look, look)();
    await vi.advanceTimersByTimeAsync(10 * lookInterval);
    expect(look).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('where I/O belongs to a request', () => {
  const url = 'https://api.example.com/';

  test('dedupe sends each request, and says why', async () => {
    const events: KyoaEvent[] = [];
    const transport = vi.fn(async () => new Response('ok'));
    const fetch = createFetch({
      use: [async (ctx, next) => next({ observers: [...ctx.observers, (event) => events.push(event)] }), dedupe()],
      fetch: transport,
    });
    await Promise.all([fetch(url), fetch(url), fetch(url, { method: 'POST' }), fetch(url, { dedupe: false })]);
    expect(transport).toHaveBeenCalledTimes(4);
    expect(events.filter(({ type }) => type === 'dedupe.skipped')).toMatchObject([
      { reason: 'platform' },
      { reason: 'platform' },
    ]);
  });

  test('endpoints counts no call in flight, because its request may end unseen', async () => {
    const route = endpoints([{ url }]);
    void createFetch({ use: [route], fetch: () => new Promise(() => {}) })(url);
    await vi.advanceTimersByTimeAsync(0);
    expect(route.snapshot()).toMatchObject([{ inFlight: 0 }]);
  });

  describe('limit', () => {
    /** A transport whose responses the test sends. */
    const held = () => {
      const respond: (() => void)[] = [];
      const transport = (): Promise<Response> =>
        new Promise((resolve) => respond.push(() => resolve(new Response(null, { status: 204 }))));
      return { respond, transport };
    };

    test('passes the permit on to a call that looks for it', async () => {
      const { respond, transport } = held();
      const policy = limit({ concurrency: 1 });
      const fetch = createFetch({ use: [policy], fetch: transport });
      const calls = [fetch(url), fetch(url), fetch(url)];
      await vi.advanceTimersByTimeAsync(100);
      for (let nth = 0; nth < 3; nth += 1) {
        expect(respond.length).toBe(nth + 1);
        respond[nth]!();
        await vi.advanceTimersByTimeAsync(lookInterval);
      }
      await Promise.all(calls);
      expect(policy.snapshot()['https://api.example.com']).toMatchObject({ running: 0, waiting: 0 });
      expect(vi.getTimerCount()).toBe(0);
    });

    test('keeps the permit of a call that gives signs, however long it takes', async () => {
      const { respond, transport } = held();
      const fetch = createFetch({ use: [limit({ concurrency: 1 })], fetch: transport });
      const calls = [fetch(url), fetch(url)];
      await vi.advanceTimersByTimeAsync(60_000);
      expect(respond.length).toBe(1);
      respond[0]!();
      await vi.advanceTimersByTimeAsync(lookInterval);
      respond[1]!();
      await Promise.all(calls);
    });

    test('takes the permit of a call whose request has ended', async () => {
      const { respond, transport } = held();
      const policy = limit({ concurrency: 1 });
      const fetch = createFetch({ use: [policy], fetch: transport });
      const gone = fetch(url);
      vi.clearAllTimers(); // the request has ended, and its timers with it
      const waiting = fetch(url);
      await vi.advanceTimersByTimeAsync(400);
      expect(respond.length).toBe(1);
      await vi.advanceTimersByTimeAsync(200);
      expect(respond.length).toBe(2);
      respond[0]!();
      await gone;
      expect(policy.snapshot()['https://api.example.com']).toMatchObject({ running: 1 });
      respond[1]!();
      await waiting;
      expect(policy.snapshot()['https://api.example.com']).toMatchObject({ running: 0 });
    });

    test('takes the place of a waiting call whose request has ended', async () => {
      const { respond, transport } = held();
      const fetch = createFetch({ use: [limit({ concurrency: 1, queue: 1 })], fetch: transport });
      void fetch(url);
      void fetch(url);
      vi.clearAllTimers();
      await expect(fetch(url)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      vi.setSystemTime(Date.now() + 11_000);
      await vi.advanceTimersByTimeAsync(11_000);
      const next = fetch(url);
      await vi.advanceTimersByTimeAsync(0);
      respond.at(-1)!();
      await next;
      expect(respond.length).toBe(2);
    });

    test('gives a call no permit that it has lost while it gave no sign', async () => {
      const signs: (() => void)[] = [];
      vi.spyOn(globalThis, 'setInterval').mockImplementation((sign) => signs.push(sign) as never);
      const { respond, transport } = held();
      const fetch = createFetch({ use: [limit({ concurrency: 1 })], fetch: transport });
      const calls = [fetch(url), fetch(url), fetch(url)];
      const [, second, third] = [signs[0], signs[1]!, signs[2]!];
      respond[0]!();
      await calls[0]; // the second call has the permit, and does not know it yet
      for (let nth = 0; nth < 30; nth += 1) {
        await vi.advanceTimersByTimeAsync(lookInterval);
        third();
      }
      await vi.advanceTimersByTimeAsync(0);
      expect(respond.length).toBe(2);
      second();
      await vi.advanceTimersByTimeAsync(0);
      expect(respond.length).toBe(2);
      respond[1]!();
      await calls[2];
      second();
      await vi.advanceTimersByTimeAsync(0);
      respond[2]!();
      await Promise.all(calls);
    });

    test('deletes the state of a key whose calls are gone', async () => {
      const { transport } = held();
      const policy = limit({ concurrency: 1, key: (ctx) => ctx.url });
      const fetch = createFetch({ use: [policy], fetch: transport });
      for (let nth = 0; nth < 1_100; nth += 1) void fetch(`${url}${nth}`);
      vi.clearAllTimers();
      await vi.advanceTimersByTimeAsync(11_000);
      void fetch(url);
      expect(Object.keys(policy.snapshot()).length).toBeLessThanOrEqual(1_000);
    });

    test('drops no call after the isolate was busy, when all signs are late', async () => {
      const { respond, transport } = held();
      const fetch = createFetch({ use: [limit({ concurrency: 1 })], fetch: transport });
      const first = fetch(url);
      await vi.advanceTimersByTimeAsync(10);
      const calls = [first, fetch(url)]; // the second one looks after the sign of the first one
      await vi.advanceTimersByTimeAsync(lookInterval - 5);
      const clock = vi.spyOn(performance, 'now');
      const late = performance.now() + 3_000;
      clock.mockImplementation(() => late);
      await vi.advanceTimersByTimeAsync(5);
      clock.mockRestore();
      expect(respond.length).toBe(1);
      respond[0]!();
      await vi.advanceTimersByTimeAsync(100);
      respond[1]!();
      await Promise.all(calls);
    });

    test('releases the permit of a waiting call that is aborted once it has it', async () => {
      const { respond, transport } = held();
      const policy = limit({ concurrency: 1 });
      const fetch = createFetch({ use: [policy], fetch: transport });
      const first = fetch(url);
      const leave = new AbortController();
      const second = fetch(url, { signal: leave.signal });
      await vi.advanceTimersByTimeAsync(0);
      respond[0]!();
      await first;
      leave.abort();
      await expect(second).rejects.toMatchObject({ name: 'AbortError' });
      expect(policy.snapshot()['https://api.example.com']).toMatchObject({ running: 0, waiting: 0 });
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
