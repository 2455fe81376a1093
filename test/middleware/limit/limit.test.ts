import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { aimd, createFetch, limit, LimitError, retry, timeout, type LimitOptions } from '../../../src/index.ts';
import { deaf, stub, watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { url } from '../../support/http.ts';
import { settled } from '../../support/origin.ts';
import { delayed, outcomeOf } from '../../support/promises.ts';
import { countTimers, exitsByItself, expectQuiet, gcUntil } from '../../support/sockets.ts';

const origin = 'http://api.example';

/** A transport that responds under the control of the test, and the calls that it received. */
function upstream(options: LimitOptions) {
  interface Call {
    readonly name: string;
    readonly at: number;
    readonly respond: (response?: Response) => void;
    over: boolean;
  }
  const calls: Call[] = [];
  const policy = limit(options);
  const { fetch, events } = watched([policy], (input, init) => {
    const { signal, url } = new Request(input, init);
    return new Promise((resolve, reject) => {
      const call: Call = {
        name: new URL(url).pathname.slice(1),
        at: performance.now(),
        respond(response = new Response(null)) {
          call.over = true;
          resolve(response);
        },
        over: false,
      };
      signal.addEventListener('abort', () => {
        call.over = true;
        reject(signal.reason);
      });
      calls.push(call);
    });
  });
  return {
    calls,
    events,
    fetch,
    snapshot: () => policy.snapshot()[origin],
    running: () => calls.filter(({ over }) => !over),
    names: () => calls.map(({ name }) => name).join(''),
    call: (name = '', init?: Parameters<typeof fetch>[1]): Promise<unknown> => outcomeOf(fetch(url + name, init)),
    turn: (): Promise<unknown> => vi.advanceTimersByTimeAsync(0),
  };
}

describe('limit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('lets no more than `concurrency` calls run, and queues the others', async () => {
    const { call, calls, names, turn, snapshot, events } = upstream({ concurrency: 2 });
    const all = ['a', 'b', 'c', 'd'].map((name) => call(name));
    await turn();
    expect(names()).toBe('ab');
    expect(snapshot()).toEqual({ running: 2, waiting: 2, concurrency: 2 });
    const queued = events.flatMap((event) => (event.type === 'limit.queued' ? [event.ahead] : []));
    expect(queued).toEqual([0, 1]);
    calls[1]!.respond();
    await turn();
    expect(names()).toBe('abc');
    for (const { respond } of calls) respond();
    await turn();
    calls[3]!.respond();
    expect(await Promise.all(all)).toHaveLength(4);
    expect(snapshot()).toEqual({ running: 0, waiting: 0, concurrency: 2 });
  });

  test('holds a permit until the body ends', async () => {
    const { fetch, call, calls, names, turn } = upstream({ concurrency: 1 });
    const first = fetch(`${url}a`);
    void call('b');
    await turn();
    calls[0]!.respond(new Response('body'));
    const response = await first;
    await turn();
    expect(names()).toBe('a');
    await response.text();
    await turn();
    expect(names()).toBe('ab');
  });

  test('releases the permit of a call that fails', async () => {
    const { fetch, sent } = stub([limit({ concurrency: 1 })], () => {
      throw new TypeError('x is not a function');
    });
    for (let n = 0; n < 5; n += 1) await expect(fetch(url)).rejects.toThrow('x is not a function');
    expect(sent).toHaveLength(5);
  });

  test('never starts more than `count` calls in any `window`', async () => {
    const { call, calls, turn, snapshot } = upstream({ rate: { count: 3, window: 1_000 } });
    void call();
    await vi.advanceTimersByTimeAsync(900);
    for (let n = 0; n < 9; n += 1) void call();
    await turn();
    expect(snapshot()).toEqual({ running: 3, waiting: 7, starts: 3 });
    await vi.runAllTimersAsync();
    const start = calls[0]!.at;
    expect(calls.map(({ at }) => at - start)).toEqual([0, 900, 900, 1_000, 1_900, 1_900, 2_000, 2_900, 2_900, 3_000]);
  });

  test('keeps a timer only while a call waits for the rate', async () => {
    const { call, turn } = upstream({ rate: { count: 1, window: 60_000 } });
    const leaving = new AbortController();
    void call();
    await turn();
    expect(vi.getTimerCount()).toBe(0);
    const waiting = call('', { signal: leaving.signal });
    const other = call('', { signal: leaving.signal });
    await turn();
    expect(vi.getTimerCount()).toBe(1);
    leaving.abort('gone');
    expect(await Promise.all([waiting, other])).toEqual(['gone', 'gone']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('removes an aborted call from the queue at once, with its own reason, and the calls behind it move up', async () => {
    const { call, calls, names, turn, snapshot } = upstream({ concurrency: 1 });
    const leaving = new AbortController();
    const off = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
    void call('a');
    const left = call('b', { signal: leaving.signal });
    void call('c');
    await turn();
    const reason = { why: 'closed the tab' };
    leaving.abort(reason);
    expect(await left).toBe(reason);
    expect(snapshot()!.waiting).toBe(1);
    calls[0]!.respond();
    await turn();
    expect(names()).toBe('ac');
    off.mockRestore();
  });

  test('releases the permit of an aborted call, even if the transport ignores its signal', async () => {
    const policy = limit({ concurrency: 1 });
    const fetch = createFetch({ use: [policy], fetch: deaf });
    const leaving = new AbortController();
    const first = outcomeOf(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(0);
    leaving.abort();
    await first;
    expect(policy.snapshot()[origin]!.running).toBe(0);
  });

  test('runs the call with the highest priority first, and calls of equal priority in order', async () => {
    const priority = { x: 5, y: 5, z: 9 } as Record<string, number>;
    const { call, calls, names, turn } = upstream({
      concurrency: 1,
      priority: ({ request }) => priority[request.url.at(-1)!] ?? 0,
    });
    for (const name of ['a', 'b', 'c', 'x', 'y', 'z']) void call(name);
    void call('d', { limit: { priority: () => 7 } });
    for (let n = 0; n < 7; n += 1) {
      await turn();
      calls[n]!.respond();
    }
    expect(names()).toBe('azdxybc');
  });

  test('rejects with a LimitError when the queue is full', async () => {
    const { call, calls, turn, events } = upstream({ concurrency: 1, queue: 2 });
    void call();
    const waiting = [call(), call()];
    const error = await call();
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      name: 'LimitError',
      key: origin,
      message: `Too many calls to ${origin} are waiting; make fewer, or try again later`,
    });
    expect(events.filter(({ type }) => type === 'limit.rejected')).toMatchObject([{ key: origin, reason: 'queue' }]);
    for (let n = 0; n < 3; n += 1) {
      await turn();
      calls[n]!.respond();
    }
    await Promise.all(waiting);
  });

  test('rejects a call at once if the rate cannot let it start before its deadline', async () => {
    const policy = limit({ rate: { count: 2, window: 1_000 } });
    const { fetch, events, sent } = stub([timeout(1_000), policy], () => new Response(null));
    const started = performance.now();
    expect((await fetch(url)).ok && (await fetch(url)).ok).toBe(true);
    const error = await outcomeOf(fetch(url));
    expect(error).toBeInstanceOf(LimitError);
    expect(performance.now()).toBe(started);
    expect(events.filter(({ type }) => type === 'limit.rejected')).toMatchObject([{ reason: 'deadline' }]);
    await vi.advanceTimersByTimeAsync(1);
    const patient = fetch(url);
    await vi.advanceTimersByTimeAsync(999);
    expect((await patient).ok).toBe(true);
    expect(sent).toHaveLength(3);
  });

  test('inside retry takes a permit for each attempt, holds none in a pause, and is not retried when it rejects', async () => {
    const policy = limit({ concurrency: 1, queue: 0 });
    const { fetch, sent } = stub([retry({ retries: 2 }), policy], (attempt) =>
      attempt < 3 ? new Response(null, { status: 503 }) : new Response('held'),
    );
    const first = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    expect(policy.snapshot()[origin]!.running).toBe(0);
    await vi.runAllTimersAsync();
    const response = await first;
    expect(sent).toHaveLength(3);
    expect(await outcomeOf(fetch(url))).toBeInstanceOf(LimitError);
    await response.text();
  });

  test('counts each key on its own, and forgets a key that has nothing left to count', async () => {
    const policy = limit({ rate: { count: 1, window: 1_000 }, concurrency: 5 });
    const { fetch } = stub([policy], () => new Response(null));
    for (let n = 0; n < 1_200; n += 1) await fetch(url, { limit: { key: () => `user ${n}` } });
    expect(Object.keys(policy.snapshot())).toHaveLength(1_200);
    vi.advanceTimersByTime(1_000);
    await fetch(url, { limit: { key: () => undefined } });
    await fetch(url);
    expect(Object.keys(policy.snapshot())).toHaveLength(1_000);
  });

  test('takes options from the call', async () => {
    const { call, calls, turn, names } = upstream({ concurrency: 1 });
    void call('a');
    void call('b', { limit: false });
    void call('c', { limit: { key: () => 'another' } });
    await turn();
    expect(names()).toBe('abc');
    expect(await call('d', { limit: { queue: 0 } })).toBeInstanceOf(LimitError);
    expect(await call('e', { limit: { concurrency: 9 } as never })).toMatchObject({ code: 'INVALID_OPTION' });
    for (const { respond } of calls) respond();
  });

  test('with aimd() finds the capacity of a server, and follows it when it falls', async () => {
    let capacity = 0;
    const run = async (policy: ReturnType<typeof limit>, can: number, calls: number): Promise<number> => {
      capacity = can;
      let busy = 0;
      let refused = 0;
      const fetch = createFetch({
        use: [policy],
        async fetch() {
          busy += 1;
          const overloaded = busy > capacity;
          await delayed(undefined, overloaded ? 10 : 100);
          busy -= 1;
          if (overloaded) refused += 1;
          return new Response(null, { status: overloaded ? 503 : 200 });
        },
      });
      const all = Promise.all(Array.from({ length: calls }, () => fetch(url)));
      await vi.runAllTimersAsync();
      await all;
      return refused / calls;
    };
    const learning = limit({ concurrency: aimd({ initial: 4 }), queue: Infinity });
    expect(await run(learning, 30, 4_000)).toBeLessThan(0.1);
    expect(learning.snapshot()[origin]!.concurrency).toBeGreaterThanOrEqual(25);
    expect(learning.snapshot()[origin]!.concurrency).toBeLessThanOrEqual(32);
    // aimd() learns from overload, and of 8 places one more is an eighth.
    expect(await run(learning, 8, 2_000)).toBeLessThan(0.3);
    expect(learning.snapshot()[origin]!.concurrency).toBeLessThanOrEqual(10);
    expect(await run(limit({ concurrency: 30, queue: Infinity }), 8, 2_000)).toBeGreaterThan(0.9);
  });

  test('exceeds neither bound in any schedule, and every waiting call runs or rejects', async () => {
    const step = fc.record({
      pause: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(300)),
      calls: fc.array(fc.record({ priority: fc.nat(2), aborts: fc.boolean() }), { maxLength: 8 }),
      responses: fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 6 }),
      abort: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.option(fc.integer({ min: 1, max: 4 })),
        fc.integer({ min: 1, max: 5 }),
        async (steps, concurrency, count) => {
          const bounds = { ...(concurrency !== null && { concurrency }), rate: { count, window: 100 }, queue: 20 };
          const { call, calls, running, turn, snapshot } = upstream(bounds);
          const settled: Promise<unknown>[] = [];
          let leaving = new AbortController();
          const check = (): void => {
            expect(running().length).toBeLessThanOrEqual(concurrency ?? Infinity);
            calls.forEach(({ at }, index) => {
              const nth = calls[index + count];
              if (nth !== undefined) expect(nth.at - at).toBeGreaterThanOrEqual(100);
            });
            expect(snapshot()?.waiting ?? 0).toBeLessThanOrEqual(20);
          };
          for (const { pause, calls: starting, responses, abort } of steps) {
            await vi.advanceTimersByTimeAsync(pause);
            for (const { priority, aborts } of starting)
              settled.push(
                call('', { limit: { priority: () => priority }, ...(aborts && { signal: leaving.signal }) }),
              );
            check();
            for (const [index, body] of responses) {
              const response = new Response(body ? 'body' : null);
              running()[index]?.respond(response);
              await turn();
              if (body) void response.body?.cancel();
              check();
            }
            if (abort) {
              leaving.abort();
              leaving = new AbortController();
            }
            await turn();
            check();
          }
          for (let n = 0; n < 400 && running().length + (snapshot()?.waiting ?? 0) > 0; n += 1) {
            for (const { respond } of running()) respond();
            await vi.advanceTimersByTimeAsync(100);
            check();
          }
          await Promise.all(settled);
          expect(snapshot() ?? { running: 0, waiting: 0 }).toMatchObject({ running: 0, waiting: 0 });
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 80 },
    );
  });

  test.each([
    ['limit must be given concurrency, rate or both', {}],
    ['limit concurrency must be a whole number of 1 or more, got 0', { concurrency: 0 }],
    ['limit queue must be a whole number of 0 or more, got -1', { concurrency: 1, queue: -1 }],
    ['limit rate must be an object', { rate: 10 as never }],
    ['limit rate count must be a whole number of 1 or more, got 0', { rate: { count: 0, window: 1 } }],
    ['limit rate window must be a number of milliseconds above 0, got undefined', { rate: { count: 1 } as never }],
    ['limit rate has no option per', { rate: { count: 1, window: 1, per: 's' } as never }],
    ['limit key must be a function', { concurrency: 1, key: 'origin' as never }],
    ['limit priority must be a function', { concurrency: 1, priority: 1 as never }],
    ['limit has no option max; it has queue, key', { max: 1 } as never],
  ] satisfies [string, LimitOptions][])('throws for an invalid option: %s', (message, options) => {
    expect(() => limit(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

describe('limit on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('never lets the server see more than `concurrency` responses in flight', async () => {
    const policy = limit({ concurrency: 3 });
    const fetch = createFetch({ use: [policy] });
    let most = 0;
    const watching = server.until(({ busy, requests }) => {
      most = Math.max(most, busy.length);
      return requests.length === 30 && busy.length === 0;
    });
    const texts = Array.from({ length: 30 }, async () => (await fetch(server.url('/drip/body'))).text());
    await Promise.all(texts);
    await watching;
    expect(most).toBe(3);
    expect(policy.snapshot()[server.origin]).toEqual({ running: 0, waiting: 0, concurrency: 3 });
  });

  test.each([
    ['is cancelled unread', '/endless', (response: Response) => response.body!.cancel()],
    ['is reset', '/reset/amid-body', (response: Response) => outcomeOf(response.text())],
    ['is aborted while it is read', '/stall/body', (response: Response) => outcomeOf(response.text())],
  ])('releases the permit of a body that %s', async (_how, path, end) => {
    const policy = limit({ concurrency: 1 });
    const fetch = createFetch({ use: [policy] });
    const leaving = new AbortController();
    const response = await fetch(server.url(path), { signal: leaving.signal });
    const next = fetch(server.url('/ok'));
    await settled();
    expect(server.count('/ok')).toBe(0);
    const ending = end(response);
    if (path.startsWith('/stall')) leaving.abort();
    await ending;
    await (await next).text();
    expect(server.count('/ok')).toBe(1);
    expect(policy.snapshot()[server.origin]!.running).toBe(0);
  });

  test('releases the permit of a response that is not read once it is garbage collected', async () => {
    const policy = limit({ concurrency: 1 });
    const abandon = async (): Promise<void> =>
      void (await createFetch({ use: [policy], fetch: async () => new Response('unread') })(url));
    await abandon();
    expect(policy.snapshot()[origin]!.running).toBe(1);
    await gcUntil(() => policy.snapshot()[origin]!.running === 0);
  });

  test('keeps the process alive while a call waits for the rate, and no longer', async () => {
    const { code, stdout } = await exitsByItself(`
      import { createFetch, limit } from './src/index.ts';
      const fetch = createFetch({ use: [limit({ rate: { count: 1, window: 300 } })], fetch: async () => new Response('ok') });
      for (let n = 0; n < 3; n += 1) void fetch('http://x/').then((response) => response.text()).then(console.log);
    `);
    expect({ code, lines: stdout.split('\n').filter((line) => line === 'ok').length }).toEqual({ code: 0, lines: 3 });
  });

  test('leaves no listener and no timer after ten thousand calls on one signal', { timeout: 60_000 }, async () => {
    using timers = countTimers();
    const fetch = createFetch({
      use: [limit({ concurrency: 7, queue: Infinity })],
      fetch: async () => new Response('x'),
    });
    const { signal } = new AbortController();
    const on = vi.spyOn(signal, 'addEventListener');
    const off = vi.spyOn(signal, 'removeEventListener');
    await Promise.all(Array.from({ length: 10_000 }, async () => (await fetch(url, { signal })).text()));
    expect(on.mock.calls.length).toBe(off.mock.calls.length);
    expect(timers.open()).toBe(0);
  });
});
