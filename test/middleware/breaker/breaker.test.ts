import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  breaker,
  CircuitOpenError,
  createFetch,
  exponential,
  retry,
  standard,
  timeout,
  type BreakerOptions,
  type Fetch,
} from '../../../src/index.ts';
import { notBefore } from '../../../src/lib/outcome.ts';
import { deaf, silent, stub, watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { expectQuiet } from '../../support/sockets.ts';

const url = 'http://api.example/';
const origin = 'http://api.example';
const at = (status: number): Response => new Response(`status ${status}`, { status });
const refused = (): TypeError => new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
const failed = (answer: Promise<unknown>): Promise<unknown> => answer.catch((error: unknown) => error);
/** Trips after four failures, and is jittered to the middle: 1,500 ms. */
const quick: BreakerOptions = { volume: 4, cooldown: 2_000, random: () => 0.5 };

describe('breaker', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  /** A stub whose server can be broken and mended. */
  function service(options: BreakerOptions = quick) {
    const policy = breaker(options);
    const server = { status: 200 };
    const api = stub([policy], () => at(server.status));
    const call = (init?: Parameters<typeof api.fetch>[1]): Promise<unknown> => failed(api.fetch(url, init));
    const calls = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i += 1) await call();
    };
    return { ...api, policy, server, call, calls, state: () => policy.snapshot()[origin]!.state };
  }

  test('opens when half of at least twenty calls in ten seconds have failed, and closes by a probe', async () => {
    const { calls, call, server, sent, state } = service({ random: () => 0 });
    await calls(10);
    server.status = 503;
    await calls(9);
    expect(state()).toBe('closed');
    await calls(1);
    expect(state()).toBe('open');
    expect(await call()).toBeInstanceOf(CircuitOpenError);
    expect(sent).toHaveLength(20);
    vi.advanceTimersByTime(1_000); // half of the cooldown: the jitter is equal
    expect(state()).toBe('half-open');
    server.status = 200;
    expect(await call()).toMatchObject({ status: 200 });
    expect(state()).toBe('closed');
  });

  test('forgets calls that are older than its window', async () => {
    const { calls, server, state } = service({ ...quick, window: 1_000 });
    server.status = 500;
    await calls(3);
    vi.advanceTimersByTime(1_000);
    await calls(3);
    expect(state()).toBe('closed');
    await calls(1);
    expect(state()).toBe('open');
  });

  test('the call that opens it still gets its own response, readable', async () => {
    const { fetch, calls, server, state, types } = service();
    server.status = 502;
    await calls(3);
    const response = await fetch(url);
    expect(state()).toBe('open');
    expect(response.status).toBe(502);
    expect(await response.text()).toBe('status 502');
    expect(types().at(-2)).toBe('breaker.opened');
  });

  test('rejects with a CircuitOpenError that says when to try again', async () => {
    vi.setSystemTime(1_000_000);
    const { call, calls, server, events } = service();
    server.status = 503;
    await calls(4);
    vi.advanceTimersByTime(500);
    const error = (await call()) as CircuitOpenError;
    expect(error).toMatchObject({
      name: 'CircuitOpenError',
      code: 'CIRCUIT_OPEN',
      key: origin,
      retryAt: 1_001_500,
      message: `Too many calls to ${origin} have failed; try again in 1000 ms`,
    });
    expect(error.request?.url).toBe(url);
    expect(events.at(-2)).toMatchObject({ type: 'breaker.rejected', key: origin, retryAt: 1_001_500 });
  });

  test.each([
    ['a network error opens it', () => Promise.reject(refused()), true],
    ['a 500 opens it', () => at(500), true],
    ['a 503 opens it', () => at(503), true],
    ['a 429, which is one client’s quota, does not', () => at(429), false],
    ['a 404 does not', () => at(404), false],
    ['a programming error does not', () => Promise.reject(new TypeError('x is not a function')), false],
  ])('%s', async (_what, answer: () => Response | Promise<Response>, fails) => {
    const policy = breaker(quick);
    const { fetch } = stub([policy], answer);
    for (let n = 0; n < 4; n += 1) await failed(fetch(url));
    expect(policy.snapshot()[origin]!.state).toBe(fails ? 'open' : 'closed');
  });

  test('a limit that runs out is a failure, inside it as well as outside', async () => {
    for (const use of [
      (policy: ReturnType<typeof breaker>) => [policy, timeout(100)],
      (policy: ReturnType<typeof breaker>) => [timeout(100), policy],
    ]) {
      const policy = breaker(quick);
      const fetch = createFetch({ use: use(policy), fetch: silent });
      const calls = Array.from({ length: 4 }, () => failed(fetch(url)));
      await vi.runAllTimersAsync();
      await Promise.all(calls);
      expect(policy.snapshot()[origin]!.state).toBe('open');
    }
  });

  test('an abort by the caller is neither success nor failure, whatever its reason', async () => {
    const policy = breaker(quick);
    const fetch = createFetch({ use: [policy], fetch: silent });
    for (const reason of [undefined, refused(), new DOMException('too slow', 'TimeoutError'), 'bored']) {
      const leaving = new AbortController();
      const error = failed(fetch(url, { signal: leaving.signal }));
      await vi.advanceTimersByTimeAsync(1);
      leaving.abort(reason);
      expect(await error).toBe(leaving.signal.reason);
    }
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  test('half-open under 50 concurrent calls passes exactly `probes`', async () => {
    for (const probes of [1, 3]) {
      const policy = breaker({ ...quick, probes });
      let answer: ((status: number) => void) | undefined;
      const waiting: ((status: number) => void)[] = [];
      let sent = 0;
      const fetch = createFetch({
        use: [policy],
        fetch: () => {
          sent += 1;
          return new Promise((resolve) => {
            answer = (status) => resolve(at(status));
            waiting.push(answer);
          });
        },
      });
      const opening = Array.from({ length: 4 }, () => fetch(url));
      await vi.advanceTimersByTimeAsync(0);
      for (const answer of waiting.splice(0)) answer(503);
      await Promise.all(opening);
      vi.advanceTimersByTime(1_500);
      sent = 0;
      const calls = Array.from({ length: 50 }, () => failed(fetch(url)));
      await vi.advanceTimersByTimeAsync(0);
      expect(sent).toBe(probes);
      for (const answer of waiting.splice(0)) answer(200);
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter((outcome) => outcome instanceof Response)).toHaveLength(probes);
      expect(outcomes.filter((outcome) => outcome instanceof CircuitOpenError)).toHaveLength(50 - probes);
      expect(policy.snapshot()[origin]!.state).toBe('closed');
    }
  });

  test('a failed probe opens it again, for longer when the cooldown is a backoff', async () => {
    const { calls, server, events } = service({ volume: 4, cooldown: exponential(1_000, 5_000), random: () => 0.999 });
    server.status = 500;
    for (let n = 0; n < 30_000; n += 1) {
      await calls(1);
      vi.advanceTimersByTime(1);
    }
    const opened = events.flatMap((event) => (event.type === 'breaker.opened' ? [event.retryAt - event.time] : []));
    expect(opened.slice(0, 6)).toEqual([999, 1_998, 3_996, 4_995, 4_995, 4_995]);
  });

  test('a probe that is aborted gives its permit back at once, though nothing beneath hears of it', async () => {
    const { policy, fetch, hang } = deafOnceOpen();
    await open(fetch);
    hang();
    const leaving = new AbortController();
    const probe = failed(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(0);
    expect(await failed(fetch(url))).toBeInstanceOf(CircuitOpenError);
    leaving.abort();
    await probe;
    expect(policy.snapshot()[origin]!.state).toBe('half-open');
    const next = fetch(url);
    const state = await Promise.race([next.then(String, (error: Error) => error.name), later(10)]);
    expect(state).toBe('hangs');
  });

  test('a probe that never settles gives its permit back after a cooldown, and its late answer counts for nothing', async () => {
    const { policy, fetch, hang, answer } = deafOnceOpen();
    await open(fetch);
    hang();
    const first = failed(fetch(url));
    await vi.advanceTimersByTimeAsync(1_999);
    const error = (await failed(fetch(url))) as CircuitOpenError;
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error.retryAt).toBe(Date.now() + 1);
    await vi.advanceTimersByTimeAsync(1);
    const second = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    answer(1, 200);
    expect((await second).status).toBe(200);
    expect(policy.snapshot()[origin]!.state).toBe('closed');
    answer(0, 500);
    await first;
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  /** Fails at first; later it answers when it is told to. */
  function deafOnceOpen() {
    let hangs = false;
    const answers: ((response: Response) => void)[] = [];
    const policy = breaker(quick);
    const fetch = createFetch({
      use: [policy],
      fetch: async () => (hangs ? new Promise<Response>((resolve) => answers.push(resolve)) : at(500)),
    });
    return {
      policy,
      fetch,
      hang: () => void (hangs = true),
      answer: (index: number, status: number) => answers[index]!(at(status)),
    };
  }
  async function open(fetch: Fetch): Promise<void> {
    for (let n = 0; n < 4; n += 1) await fetch(url);
    vi.advanceTimersByTime(1_500);
  }
  async function later(ms: number): Promise<string> {
    await vi.advanceTimersByTimeAsync(ms);
    return 'hangs';
  }

  test('calls that were under way when it opened no longer count', async () => {
    const { policy, fetch, hang, answer } = deafOnceOpen();
    hang();
    const early = Array.from({ length: 6 }, () => fetch(url));
    await vi.advanceTimersByTimeAsync(0);
    for (let index = 0; index < 4; index += 1) answer(index, 500);
    await Promise.all(early.slice(0, 4));
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'open', openings: 1 });
    answer(4, 200);
    answer(5, 500);
    await Promise.all(early);
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'open', openings: 1, calls: 4 });
  });

  test('counts slow answers as failures of their own ratio, when asked to', async () => {
    const run = async (slow: BreakerOptions['slow']): Promise<string> => {
      const policy = breaker({ ...quick, ...(slow !== undefined && { slow }) });
      const delays = [10, 300, 10, 300, 10, 300, 300, 300];
      const fetch = createFetch({
        use: [policy],
        fetch: (_input, init) => {
          const ms = Number((init as { ms?: number }).ms);
          return new Promise((resolve) => setTimeout(() => resolve(at(200)), ms));
        },
      });
      for (const ms of delays) {
        const answer = failed(fetch(url, { ms } as RequestInit));
        await vi.runAllTimersAsync();
        await answer;
      }
      return policy.snapshot()[origin]!.state;
    };
    expect(await run({ over: 200 })).toBe('open');
    expect(await run({ over: 200, ratio: 0.6 })).toBe('open');
    expect(await run({ over: 200, ratio: 0.9 })).toBe('closed');
    expect(await run({ over: 400 })).toBe('closed');
    expect(await run(undefined)).toBe('closed');
  });

  test('circuits are apart by origin, or by what `key` says; without a key a call passes', async () => {
    const byOrigin = breaker(quick);
    const { fetch, sent } = stub([byOrigin], () => at(500));
    for (let n = 0; n < 5; n += 1) {
      await failed(fetch('http://a.example/x?1'));
      await fetch('http://b.example/', { breaker: { key: () => undefined } });
    }
    expect(sent).toHaveLength(9);
    expect(Object.keys(byOrigin.snapshot())).toEqual(['http://a.example']);
  });

  test('is overridden for a call', async () => {
    const { call, calls, server, sent, state } = service();
    server.status = 500;
    await calls(4);
    expect(await call({ breaker: false })).toMatchObject({ status: 500 });
    expect(await call({ breaker: true })).toBeInstanceOf(CircuitOpenError);
    expect(await call({ breaker: { key: () => 'another' } })).toMatchObject({ status: 500 });
    expect(sent).toHaveLength(6);
    vi.advanceTimersByTime(1_500);
    expect(await call({ breaker: { when: () => false } })).toMatchObject({ status: 500 });
    expect(state()).toBe('closed');
    expect(await call({ breaker: { volume: 1 } })).toMatchObject({ status: 500 });
    expect(state()).toBe('open');
    expect(await call({ breaker: { window: 5 } as never })).toMatchObject({ code: 'INVALID_OPTION' });
  });

  test('a snapshot goes through JSON into another breaker, which goes on where this one stood', async () => {
    const { calls, server, policy } = service();
    server.status = 500;
    await calls(4);
    vi.advanceTimersByTime(1_000);
    const snapshot = JSON.parse(JSON.stringify(policy.snapshot())) as ReturnType<typeof policy.snapshot>;
    const heir = service({ ...quick, initial: snapshot });
    expect(heir.policy.snapshot()).toEqual(policy.snapshot());
    expect(snapshot[origin]).toEqual({
      state: 'open',
      calls: 4,
      failures: 4,
      slow: 0,
      openings: 1,
      retryAt: Date.now() + 500,
    });
    expect(await heir.call()).toBeInstanceOf(CircuitOpenError);
    vi.advanceTimersByTime(500);
    await heir.calls(1);
    expect(heir.state()).toBe('closed');
  });

  test('remembers a thousand circuits, and every one whose cooldown runs', async () => {
    const policy = breaker({ volume: 1, cooldown: 1_000, random: () => 0 });
    const { fetch } = stub([policy], () => at(500));
    for (let n = 0; n < 1_200; n += 1) await fetch(url, { breaker: { key: () => `user ${n}` } });
    expect(Object.keys(policy.snapshot())).toHaveLength(1_200);
    expect(await failed(fetch(url, { breaker: { key: () => 'user 0' } }))).toBeInstanceOf(CircuitOpenError);
    vi.advanceTimersByTime(500);
    await fetch(url);
    expect(Object.keys(policy.snapshot())).toHaveLength(1_000);
  });

  test('retry does not repeat a call that was refused', async () => {
    const policy = breaker(quick);
    const { fetch, sent, types } = stub([retry({ retries: 3 }), policy], () => at(500));
    for (let n = 0; n < 4; n += 1) await fetch(url, { retry: false });
    const started = performance.now();
    expect(await failed(fetch(url))).toBeInstanceOf(CircuitOpenError);
    expect(performance.now()).toBe(started);
    expect(sent).toHaveLength(4);
    expect(types()).not.toContain('retry.scheduled');
  });

  test('announces with the outcome that the next attempt will be refused, and only then', async () => {
    const announced: (number | undefined)[] = [];
    const { fetch } = stub(
      [
        async function above(_ctx, next) {
          const response = await next();
          announced.push(notBefore({ response }));
          return response;
        },
        breaker(quick),
      ],
      () => at(500),
    );
    for (let n = 0; n < 4; n += 1) await fetch(url);
    expect(announced).toEqual([undefined, undefined, undefined, Date.now() + 1_500]);
  });

  test('never lets more than `probes` calls pass while it is half-open, and is never stuck', async () => {
    const step = fc.record({
      pause: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(2_500)),
      calls: fc.nat(6),
      // What becomes of calls under way: some are answered, some fail, some are aborted, the rest hang.
      fates: fc.array(fc.constantFrom('ok', 'fail', 'abort', 'hang'), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, probes) => {
          interface Sent {
            readonly at: number;
            readonly settle: (response: Response) => void;
            readonly leaving: AbortController;
            readonly opening: number;
            over: boolean;
          }
          const policy = breaker({ volume: 3, probes, cooldown: 1_000, random: () => 0.5 });
          const state = (): string => policy.snapshot()[origin]?.state ?? 'closed';
          let under: Sent[] = [];
          let probing: Sent[] = [];
          let leaving = new AbortController();
          const openings = (): number => events.filter(({ type }) => type === 'breaker.opened').length;
          const { fetch, events } = watched([policy], () => {
            const mine = state() !== 'closed';
            return new Promise((settle) => {
              const sent: Sent = { at: performance.now(), settle, leaving, opening: openings(), over: false };
              under.push(sent);
              if (mine) probing.push(sent);
            });
          });
          const calls: Promise<unknown>[] = [];
          for (const { pause, calls: n, fates } of steps) {
            await vi.advanceTimersByTimeAsync(pause);
            for (let i = 0; i < n; i += 1) {
              leaving = new AbortController();
              calls.push(failed(fetch(url, { signal: leaving.signal })));
              await vi.advanceTimersByTimeAsync(0);
              // A probe whose fellow has failed is none of the next half-open circuit.
              probing = probing.filter(
                ({ over, at, opening }) => !over && opening === openings() && performance.now() - at < 1_000,
              );
              expect(probing.length).toBeLessThanOrEqual(probes);
            }
            for (const fate of fates) {
              const call = under.shift();
              if (call === undefined) break;
              if (fate === 'abort') call.leaving.abort();
              else if (fate !== 'hang') call.settle(at(fate === 'ok' ? 200 : 500));
              if (fate !== 'hang') call.over = true;
              await vi.advanceTimersByTimeAsync(0);
            }
          }
          // However it stands: within a cooldown it is served again.
          under = [];
          for (let n = 0; n < 2 * probes && state() !== 'closed'; n += 1) {
            await vi.advanceTimersByTimeAsync(1_000);
            const answer = failed(fetch(url));
            await vi.advanceTimersByTimeAsync(0);
            under.shift()?.settle(at(200));
            expect(await answer).toBeInstanceOf(Response);
          }
          expect(state()).toBe('closed');
          expect(events.filter(({ type }) => type === 'breaker.probed').length).toBeGreaterThanOrEqual(openings());
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    ['breaker ratio must be a number from 0 to 1, got 50', { ratio: 50 }],
    ['breaker volume must be a whole number of 1 or more, got 0', { volume: 0 }],
    ['breaker window must be a number of milliseconds above 0, got 0', { window: 0 }],
    ['breaker cooldown must be a number of milliseconds above 0, got "2s"', { cooldown: '2s' as never }],
    ['breaker probes must be a whole number of 1 or more, got 0', { probes: 0 }],
    ['breaker slow over must be a number of milliseconds above 0, got undefined', { slow: {} as never }],
    ['breaker slow ratio must be a number from 0 to 1, got 2', { slow: { over: 5, ratio: 2 } }],
    ['breaker slow must be an object', { slow: 500 as never }],
    ['breaker key must be a function', { key: 'origin' as never }],
    ['breaker when must be a function', { when: [500] as never }],
    ['breaker random must be a function', { random: 0.5 as never }],
    ['breaker initial x must be an object', { initial: { x: 1 as never } }],
    ['breaker initial x failures must be a whole number', { initial: { x: { calls: 1 } as never } }],
    [
      'breaker initial x retryAt must be Unix ms, got undefined',
      { initial: { x: { state: 'open', calls: 1, failures: 1, slow: 0, openings: 1 } } },
    ],
    ['breaker has no option threshold; it has ratio, volume', { threshold: 5 } as never],
  ] satisfies [string, BreakerOptions][])('refuses: %s', (message, options) => {
    expect(() => breaker(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ['refuses connections', async () => Promise.reject(refused())],
    ['answers 503', async () => at(503)],
    ['hangs', deaf],
  ] satisfies [string, Fetch][])(
    'spares a server that %s, through the standard stack, and serves again within a second of its recovery',
    async (_how, outage) => {
      let down = true;
      let sent = 0;
      const fetch = createFetch({
        use: standard({ breaker: { cooldown: 1_000 } }),
        fetch: (input, init) => {
          sent += 1;
          return down ? outage(input, init) : Promise.resolve(at(200));
        },
      });
      const answered: number[] = [];
      const calls: Promise<unknown>[] = [];
      const at200PerSecond = async (seconds: number): Promise<void> => {
        for (let n = 0; n < seconds * 200; n += 1) {
          const call = fetch(`${url}?n=${n}`).then((response) => response.ok && answered.push(performance.now()));
          calls.push(call.catch(() => undefined));
          await vi.advanceTimersByTimeAsync(5);
        }
      };
      await at200PerSecond(12); // until it is open: a hanging server is noticed after ten seconds
      sent = 0;
      await at200PerSecond(20);
      expect(sent / (20 * 200)).toBeLessThanOrEqual(0.05);
      down = false;
      const recovered = performance.now();
      await at200PerSecond(2);
      expect(answered[0]! - recovered).toBeLessThanOrEqual(1_000);
      await vi.runAllTimersAsync();
      await Promise.all(calls);
    },
    60_000,
  );
});

describe('breaker on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('half-open under 50 concurrent calls sends exactly one request, and all are served after it', async () => {
    const policy = breaker({ volume: 5, cooldown: 200 });
    const fetch = createFetch({ use: [policy] });
    server.outage = 503;
    for (let n = 0; n < 5; n += 1) await (await fetch(server.url('/ok'))).text();
    server.outage = false;
    await vi.waitFor(() => expect(policy.snapshot()[server.origin]!.state).toBe('half-open'));
    const before = server.count();
    const answers = await Promise.allSettled(Array.from({ length: 50 }, () => fetch(server.url('/ok'))));
    expect(server.count() - before).toBe(1);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const all = await Promise.all(Array.from({ length: 50 }, () => fetch(server.url('/ok'))));
    for (const response of [...all, ...answers.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : []))])
      await response.text();
    expect(server.count() - before).toBe(51);
  });

  test('an open circuit opens no connection', async () => {
    const fetch = createFetch({ use: [breaker({ volume: 3, cooldown: 60_000 })] });
    server.outage = 'reset';
    for (let n = 0; n < 3; n += 1) await failed(fetch(server.url('/ok')));
    const { connections } = server;
    for (let n = 0; n < 20; n += 1) expect(await failed(fetch(server.url('/ok')))).toBeInstanceOf(CircuitOpenError);
    expect(server.connections).toBe(connections);
    expect(server.count()).toBe(3);
  });

  test('ten thousand calls on one signal leave nothing on it', async () => {
    const fetch = createFetch({ use: [breaker()], fetch: async () => new Response(null) });
    const { signal } = new AbortController();
    const on = vi.spyOn(signal, 'addEventListener');
    const off = vi.spyOn(signal, 'removeEventListener');
    for (let n = 0; n < 10_000; n += 1) await fetch(url, { signal });
    expect(on.mock.calls.length).toBe(off.mock.calls.length);
  });
});
