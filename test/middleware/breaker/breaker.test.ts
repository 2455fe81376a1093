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
import { networkError, responseOf, url } from '../../support/http.ts';
import { delayed, outcomeOf } from '../../support/promises.ts';
import { expectQuiet } from '../../support/sockets.ts';

const origin = 'http://api.example';
/** Opens after four failures, for 1,500 ms: the middle of the jitter. */
const quick: BreakerOptions = { volume: 4, cooldown: 2_000, random: () => 0.5 };

describe('breaker', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  /** A stub that responds with `server.status`, which the test sets. */
  function service(options: BreakerOptions = quick) {
    const policy = breaker(options);
    const server = { status: 200 };
    const api = stub([policy], () => responseOf(server.status));
    const call = (init?: Parameters<typeof api.fetch>[1]): Promise<unknown> => outcomeOf(api.fetch(url, init));
    const calls = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i += 1) await call();
    };
    return { ...api, policy, server, call, calls, state: () => policy.snapshot()[origin]!.state };
  }

  test('opens when half of at least twenty calls in ten seconds fail, and closes after a good probe', async () => {
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

  test('returns the response of the call that opens it, readable', async () => {
    const { fetch, calls, server, state, types } = service();
    server.status = 502;
    await calls(3);
    const response = await fetch(url);
    expect(state()).toBe('open');
    expect(response.status).toBe(502);
    expect(await response.text()).toBe('status 502');
    expect(types().at(-2)).toBe('breaker.opened');
  });

  test('rejects with a CircuitOpenError that names the time of the next try', async () => {
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
    ['opens after network errors', () => Promise.reject(networkError('ECONNREFUSED')), true],
    ['opens after responses with 500', () => responseOf(500), true],
    ['opens after responses with 503', () => responseOf(503), true],
    ['stays closed after responses with 429, which is the quota of one client', () => responseOf(429), false],
    ['stays closed after responses with 404', () => responseOf(404), false],
    ['stays closed after programming errors', () => Promise.reject(new TypeError('x is not a function')), false],
  ])('%s', async (_what, respond: () => Response | Promise<Response>, fails) => {
    const policy = breaker(quick);
    const { fetch } = stub([policy], respond);
    for (let n = 0; n < 4; n += 1) await outcomeOf(fetch(url));
    expect(policy.snapshot()[origin]!.state).toBe(fails ? 'open' : 'closed');
  });

  test('counts an exceeded time limit as a failure, inside and outside it', async () => {
    for (const use of [
      (policy: ReturnType<typeof breaker>) => [policy, timeout(100)],
      (policy: ReturnType<typeof breaker>) => [timeout(100), policy],
    ]) {
      const policy = breaker(quick);
      const fetch = createFetch({ use: use(policy), fetch: silent });
      const calls = Array.from({ length: 4 }, () => outcomeOf(fetch(url)));
      await vi.runAllTimersAsync();
      await Promise.all(calls);
      expect(policy.snapshot()[origin]!.state).toBe('open');
    }
  });

  test('counts an abort by the caller neither as a success nor as a failure, for any reason', async () => {
    const policy = breaker(quick);
    const fetch = createFetch({ use: [policy], fetch: silent });
    for (const reason of [
      undefined,
      networkError('ECONNREFUSED'),
      new DOMException('too slow', 'TimeoutError'),
      'bored',
    ]) {
      const leaving = new AbortController();
      const error = outcomeOf(fetch(url, { signal: leaving.signal }));
      await vi.advanceTimersByTimeAsync(1);
      leaving.abort(reason);
      expect(await error).toBe(leaving.signal.reason);
    }
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  test('lets exactly `probes` of 50 concurrent calls pass while half-open', async () => {
    for (const probes of [1, 3]) {
      const policy = breaker({ ...quick, probes });
      const waiting: ((status: number) => void)[] = [];
      let sent = 0;
      const fetch = createFetch({
        use: [policy],
        fetch: () => {
          sent += 1;
          return new Promise((resolve) => waiting.push((status) => resolve(responseOf(status))));
        },
      });
      const opening = Array.from({ length: 4 }, () => fetch(url));
      await vi.advanceTimersByTimeAsync(0);
      for (const respond of waiting.splice(0)) respond(503);
      await Promise.all(opening);
      vi.advanceTimersByTime(1_500);
      sent = 0;
      const calls = Array.from({ length: 50 }, () => outcomeOf(fetch(url)));
      await vi.advanceTimersByTimeAsync(0);
      expect(sent).toBe(probes);
      for (const respond of waiting.splice(0)) respond(200);
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter((outcome) => outcome instanceof Response)).toHaveLength(probes);
      expect(outcomes.filter((outcome) => outcome instanceof CircuitOpenError)).toHaveLength(50 - probes);
      expect(policy.snapshot()[origin]!.state).toBe('closed');
    }
  });

  test('opens again after a failed probe, for longer if the cooldown is a backoff', async () => {
    const { calls, server, events } = service({ volume: 4, cooldown: exponential(1_000, 5_000), random: () => 0.999 });
    server.status = 500;
    for (let n = 0; n < 30_000; n += 1) {
      await calls(1);
      vi.advanceTimersByTime(1);
    }
    const opened = events.flatMap((event) => (event.type === 'breaker.opened' ? [event.retryAt - event.time] : []));
    expect(opened.slice(0, 6)).toEqual([999, 1_998, 3_996, 4_995, 4_995, 4_995]);
  });

  test('frees the permit of an aborted probe at once, even if the transport ignores its signal', async () => {
    const { policy, fetch, hang } = failingThenHanging();
    await open(fetch);
    hang();
    const leaving = new AbortController();
    const probe = outcomeOf(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(0);
    expect(await outcomeOf(fetch(url))).toBeInstanceOf(CircuitOpenError);
    leaving.abort();
    await probe;
    expect(policy.snapshot()[origin]!.state).toBe('half-open');
    const next = fetch(url);
    const state = await Promise.race([next.then(String, (error: Error) => error.name), later(10)]);
    expect(state).toBe('hangs');
  });

  test('frees the permit of a probe that never settles after a cooldown, and ignores its late response', async () => {
    const { policy, fetch, hang, respond } = failingThenHanging();
    await open(fetch);
    hang();
    const first = outcomeOf(fetch(url));
    await vi.advanceTimersByTimeAsync(1_999);
    const error = (await outcomeOf(fetch(url))) as CircuitOpenError;
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error.retryAt).toBe(Date.now() + 1);
    await vi.advanceTimersByTimeAsync(1);
    const second = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    respond(1, 200);
    expect((await second).status).toBe(200);
    expect(policy.snapshot()[origin]!.state).toBe('closed');
    respond(0, 500);
    await first;
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  /** A transport that responds with 500 at first. After `hang()` it waits for `respond()`. */
  function failingThenHanging() {
    let hangs = false;
    const responses: ((response: Response) => void)[] = [];
    const policy = breaker(quick);
    const fetch = createFetch({
      use: [policy],
      fetch: async () => (hangs ? new Promise<Response>((resolve) => responses.push(resolve)) : responseOf(500)),
    });
    return {
      policy,
      fetch,
      hang: () => void (hangs = true),
      respond: (index: number, status: number) => responses[index]!(responseOf(status)),
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

  test('ignores calls that were in flight when it opened', async () => {
    const { policy, fetch, hang, respond } = failingThenHanging();
    hang();
    const early = Array.from({ length: 6 }, () => fetch(url));
    await vi.advanceTimersByTimeAsync(0);
    for (let index = 0; index < 4; index += 1) respond(index, 500);
    await Promise.all(early.slice(0, 4));
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'open', openings: 1 });
    respond(4, 200);
    respond(5, 500);
    await Promise.all(early);
    expect(policy.snapshot()[origin]).toMatchObject({ state: 'open', openings: 1, calls: 4 });
  });

  test('counts slow responses as failures with a ratio of their own, given the slow option', async () => {
    const run = async (slow: BreakerOptions['slow']): Promise<string> => {
      const policy = breaker({ ...quick, ...(slow !== undefined && { slow }) });
      const delays = [10, 300, 10, 300, 10, 300, 300, 300];
      const fetch = createFetch({
        use: [policy],
        fetch: (_input, init) => {
          const ms = Number((init as { ms?: number }).ms);
          return delayed(responseOf(200), ms);
        },
      });
      for (const ms of delays) {
        const outcome = outcomeOf(fetch(url, { ms } as RequestInit));
        await vi.runAllTimersAsync();
        await outcome;
      }
      return policy.snapshot()[origin]!.state;
    };
    expect(await run({ over: 200 })).toBe('open');
    expect(await run({ over: 200, ratio: 0.6 })).toBe('open');
    expect(await run({ over: 200, ratio: 0.9 })).toBe('closed');
    expect(await run({ over: 400 })).toBe('closed');
    expect(await run(undefined)).toBe('closed');
  });

  test('keeps one circuit for each origin or `key`, and passes on a call without a key', async () => {
    const byOrigin = breaker(quick);
    const { fetch, sent } = stub([byOrigin], () => responseOf(500));
    for (let n = 0; n < 5; n += 1) {
      await outcomeOf(fetch('http://a.example/x?1'));
      await fetch('http://b.example/', { breaker: { key: () => undefined } });
    }
    expect(sent).toHaveLength(9);
    expect(Object.keys(byOrigin.snapshot())).toEqual(['http://a.example']);
  });

  test('takes options from the call', async () => {
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

  test('continues from the snapshot of another breaker that went through JSON', async () => {
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

  test('keeps a thousand circuits, and every circuit whose cooldown has not ended', async () => {
    const policy = breaker({ volume: 1, cooldown: 1_000, random: () => 0 });
    const { fetch } = stub([policy], () => responseOf(500));
    for (let n = 0; n < 1_200; n += 1) await fetch(url, { breaker: { key: () => `user ${n}` } });
    expect(Object.keys(policy.snapshot())).toHaveLength(1_200);
    expect(await outcomeOf(fetch(url, { breaker: { key: () => 'user 0' } }))).toBeInstanceOf(CircuitOpenError);
    vi.advanceTimersByTime(500);
    await fetch(url);
    expect(Object.keys(policy.snapshot())).toHaveLength(1_000);
  });

  test('rejects a call once, without a retry, inside retry', async () => {
    const policy = breaker(quick);
    const { fetch, sent, types } = stub([retry({ retries: 3 }), policy], () => responseOf(500));
    for (let n = 0; n < 4; n += 1) await fetch(url, { retry: false });
    const started = performance.now();
    expect(await outcomeOf(fetch(url))).toBeInstanceOf(CircuitOpenError);
    expect(performance.now()).toBe(started);
    expect(sent).toHaveLength(4);
    expect(types()).not.toContain('retry.scheduled');
  });

  test('marks an outcome after which it will reject the next attempt, and no other outcome', async () => {
    const marks: (number | undefined)[] = [];
    const { fetch } = stub(
      [
        async function outer(_ctx, next) {
          const response = await next();
          marks.push(notBefore({ response }));
          return response;
        },
        breaker(quick),
      ],
      () => responseOf(500),
    );
    for (let n = 0; n < 4; n += 1) await fetch(url);
    expect(marks).toEqual([undefined, undefined, undefined, Date.now() + 1_500]);
  });

  test('lets no more than `probes` calls pass while half-open, and always closes again', async () => {
    const step = fc.record({
      pause: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(2_500)),
      calls: fc.nat(6),
      // How the calls in flight end: some get a response, some fail, some are aborted, the others hang.
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
              calls.push(outcomeOf(fetch(url, { signal: leaving.signal })));
              await vi.advanceTimersByTimeAsync(0);
              // When another probe has failed, a probe does not count for the next half-open state.
              probing = probing.filter(
                ({ over, at, opening }) => !over && opening === openings() && performance.now() - at < 1_000,
              );
              expect(probing.length).toBeLessThanOrEqual(probes);
            }
            for (const fate of fates) {
              const call = under.shift();
              if (call === undefined) break;
              if (fate === 'abort') call.leaving.abort();
              else if (fate !== 'hang') call.settle(responseOf(fate === 'ok' ? 200 : 500));
              if (fate !== 'hang') call.over = true;
              await vi.advanceTimersByTimeAsync(0);
            }
          }
          // In any state a call passes again within a cooldown.
          under = [];
          for (let n = 0; n < 2 * probes && state() !== 'closed'; n += 1) {
            await vi.advanceTimersByTimeAsync(1_000);
            const outcome = outcomeOf(fetch(url));
            await vi.advanceTimersByTimeAsync(0);
            under.shift()?.settle(responseOf(200));
            expect(await outcome).toBeInstanceOf(Response);
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
  ] satisfies [string, BreakerOptions][])('throws for an invalid option: %s', (message, options) => {
    expect(() => breaker(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ['refuses connections', async () => Promise.reject(networkError('ECONNREFUSED'))],
    ['responds with 503', async () => responseOf(503)],
    ['hangs', deaf],
  ] satisfies [string, Fetch][])(
    'spares a server that %s, in the standard stack, and sends calls again within a second of its recovery',
    async (_how, outage) => {
      let down = true;
      let sent = 0;
      const fetch = createFetch({
        use: standard({ breaker: { cooldown: 1_000 } }),
        fetch: (input, init) => {
          sent += 1;
          return down ? outage(input, init) : Promise.resolve(responseOf(200));
        },
      });
      const successes: number[] = [];
      const calls: Promise<unknown>[] = [];
      const at200PerSecond = async (seconds: number): Promise<void> => {
        for (let n = 0; n < seconds * 200; n += 1) {
          const call = fetch(`${url}?n=${n}`).then((response) => response.ok && successes.push(performance.now()));
          calls.push(call.catch(() => undefined));
          await vi.advanceTimersByTimeAsync(5);
        }
      };
      await at200PerSecond(12); // until it is open, which a hanging server causes after ten seconds
      sent = 0;
      await at200PerSecond(20);
      expect(sent / (20 * 200)).toBeLessThanOrEqual(0.05);
      down = false;
      const recovered = performance.now();
      await at200PerSecond(2);
      expect(successes[0]! - recovered).toBeLessThanOrEqual(1_000);
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

  test('sends exactly one of 50 concurrent requests while half-open, and all of them once it has closed', async () => {
    const policy = breaker({ volume: 5, cooldown: 200 });
    const fetch = createFetch({ use: [policy] });
    server.outage = 503;
    for (let n = 0; n < 5; n += 1) await (await fetch(server.url('/ok'))).text();
    server.outage = false;
    await vi.waitFor(() => expect(policy.snapshot()[server.origin]!.state).toBe('half-open'));
    const before = server.count();
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => fetch(server.url('/ok'))));
    expect(server.count() - before).toBe(1);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const all = await Promise.all(Array.from({ length: 50 }, () => fetch(server.url('/ok'))));
    for (const response of [...all, ...outcomes.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : []))])
      await response.text();
    expect(server.count() - before).toBe(51);
  });

  test('opens no connection while it is open', async () => {
    const fetch = createFetch({ use: [breaker({ volume: 3, cooldown: 60_000 })] });
    server.outage = 'reset';
    for (let n = 0; n < 3; n += 1) await outcomeOf(fetch(server.url('/ok')));
    const { connections } = server;
    for (let n = 0; n < 20; n += 1) expect(await outcomeOf(fetch(server.url('/ok')))).toBeInstanceOf(CircuitOpenError);
    expect(server.connections).toBe(connections);
    expect(server.count()).toBe(3);
  });

  test('leaves no listener on a signal after ten thousand calls', async () => {
    const fetch = createFetch({ use: [breaker()], fetch: async () => new Response(null) });
    const { signal } = new AbortController();
    const on = vi.spyOn(signal, 'addEventListener');
    const off = vi.spyOn(signal, 'removeEventListener');
    for (let n = 0; n < 10_000; n += 1) await fetch(url, { signal });
    expect(on.mock.calls.length).toBe(off.mock.calls.length);
  });
});
