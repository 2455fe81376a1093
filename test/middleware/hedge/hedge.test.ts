import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  budget,
  createFetch,
  hedge,
  memory,
  observe,
  timeout,
  type Fetch,
  type KyoaEvent,
} from '../../../src/index.ts';
import { latencyHistory } from '../../../src/lib/latency/history.ts';
import { deaf, silent, watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { expectQuiet } from '../../support/sockets.ts';

const url = 'http://api.example/';
const networkError = (code: string): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

/** What a copy does: answers `status` or throws, after `ms`; its body tells which one it was. */
interface Step {
  readonly ms: number;
  readonly status?: number;
  readonly error?: unknown;
  readonly headers?: HeadersInit;
}

/** A transport that follows a script, one step a copy, and hears its signal. */
function scripted(...steps: readonly Step[]) {
  const sent: { readonly request: Request; readonly signal: AbortSignal; readonly at: number }[] = [];
  const transport: Fetch = (input, init) =>
    new Promise((resolve, reject) => {
      const { signal } = init as { signal: AbortSignal };
      const copy = sent.push({ request: input as Request, signal, at: performance.now() });
      const { ms, status = 200, error, headers } = steps[Math.min(copy, steps.length) - 1]!;
      const timer = setTimeout(() => {
        if (error !== undefined) reject(error);
        else resolve(new Response(`copy ${copy}`, { status, ...(headers && { headers }) }));
      }, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  return { sent, transport };
}

/** One call through `hedge`; resolves to what it came to, and when. */
function run(options: Parameters<typeof hedge>[0], steps: readonly Step[], init?: RequestInit) {
  const { sent, transport } = scripted(...steps);
  const { fetch, events } = watched([hedge(options)], transport);
  const started = performance.now();
  const outcome = fetch(url, init).then(
    async (response) => ({ status: response.status, text: await response.text(), ms: performance.now() - started }),
    (error: unknown) => ({ error, ms: performance.now() - started }),
  );
  const facts = (): unknown[] =>
    events.filter(({ type }) => type.startsWith('hedge.')).map(({ id: _id, time: _time, ...fact }) => fact);
  return { outcome, sent, events, facts };
}

describe('hedge', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('sends a copy after the delay; the first good answer wins and the loser is aborted', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 1_000 }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual({ status: 200, text: 'copy 2', ms: 80 });
    expect(sent.map(({ at }) => at - sent[0]!.at)).toEqual([0, 50]);
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(sent[0]!.signal.reason).toMatchObject({ name: 'AbortError' });
    expect(facts()).toEqual([
      { type: 'hedge.launched', copy: 2, delay: 50 },
      { type: 'hedge.won', copy: 2 },
    ]);
  });

  test('the original wins too, and then the copy is aborted', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 60 }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 1', ms: 60 });
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    expect(facts().at(-1)).toEqual({ type: 'hedge.won', copy: 1 });
  });

  test('an answer before the delay leaves nothing behind: no copy, no event, no timer', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 49 }]);
    await vi.advanceTimersByTimeAsync(49);
    expect(vi.getTimerCount()).toBe(0);
    expect(await outcome).toMatchObject({ text: 'copy 1' });
    expect([sent.length, facts()]).toEqual([1, []]);
  });

  test('further copies follow one another at the delay, and are numbered', async () => {
    const { outcome, sent, events } = run({ delay: 10, hedges: 3 }, [
      { ms: 500 },
      { ms: 500 },
      { ms: 15 },
      { ms: 500 },
    ]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 3', ms: 35 });
    expect(sent.map(({ at }) => at - sent[0]!.at)).toEqual([0, 10, 20, 30]);
    expect(events.flatMap((event) => (event.type === 'attempt.sent' ? [event.attempt] : []))).toEqual([1, 2, 3, 4]);
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([true, true, false, true]);
  });

  test('a delay of 0 sends all at once', async () => {
    const { outcome, sent } = run({ delay: 0, hedges: 2 }, [{ ms: 500 }, { ms: 9 }, { ms: 500 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 2', ms: expect.closeTo(9, -1) as number });
    expect(sent).toHaveLength(3);
  });

  test.each([
    ['a 503', { status: 503 }],
    ['a 500', { status: 500 }],
    ['a 429', { status: 429 }],
    ['a network error', { error: networkError('ECONNRESET') }],
    ['an error of the program', { error: new RangeError('oops') }],
  ])('%s does not win while another copy is running', async (_what, bad) => {
    for (const steps of [
      [{ ms: 200 }, { ms: 5, ...bad }],
      [{ ms: 60, ...bad }, { ms: 150 }],
    ]) {
      const { outcome } = run({ delay: 50 }, steps);
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject({ status: 200, ms: 200 });
    }
  });

  test.each([200, 204, 304, 401, 404])('a %i wins: it is what there is to know', async (status) => {
    const { transport } = scripted({ ms: 500 }, { ms: 5 });
    const { fetch } = watched([hedge({ delay: 50 })], async (input, init) => {
      await transport(input, init);
      return new Response(null, { status });
    });
    const answer = fetch(url);
    await vi.runAllTimersAsync();
    expect((await answer).status).toBe(status);
  });

  test.each([
    ['a 503', { status: 503 }],
    ['a connection reset', { error: networkError('ECONNRESET') }],
  ])('the original failing before the delay, by %s, launches the copy at once', async (_what, bad) => {
    const { outcome, sent, facts } = run({ delay: 5_000 }, [{ ms: 20, ...bad }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 2', ms: 50 });
    expect(sent).toHaveLength(2);
    expect(facts()[0]).toEqual({ type: 'hedge.launched', copy: 2, delay: 20 });
  });

  test('no copy follows what no copy can mend, nor, at once, an answer that asks for a pause', async () => {
    const error = new TypeError('x is not a function');
    for (const [bad, reason] of [
      [{ error }, undefined],
      [{ status: 429 }, 'retry-after'],
      [{ status: 503, headers: { 'retry-after': '1' } }, 'retry-after'],
    ] as const) {
      const { outcome, sent, facts } = run({ delay: 50, hedges: 2 }, [{ ms: 20, ...bad }]);
      await vi.runAllTimersAsync();
      expect(await outcome).toEqual(
        'error' in bad ? { error, ms: 20 } : { status: bad.status, text: 'copy 1', ms: 20 },
      );
      expect(sent).toHaveLength(1);
      expect(facts()).toEqual(reason === undefined ? [] : [{ type: 'hedge.suppressed', reason }]);
    }
  });

  test('if all fail, an answer stands over an error, the original over a copy, readable and as they were', async () => {
    const [one, two] = [networkError('ECONNREFUSED'), networkError('ECONNRESET')];
    const table: readonly [readonly Step[], object][] = [
      [
        [
          { ms: 60, status: 503 },
          { ms: 100, status: 500 },
        ],
        { status: 503, text: 'copy 1' },
      ],
      [
        [
          { ms: 100, status: 503 },
          { ms: 20, status: 500 },
        ],
        { status: 503, text: 'copy 1' },
      ],
      [
        [
          { ms: 60, error: one },
          { ms: 100, status: 500 },
        ],
        { status: 500, text: 'copy 2' },
      ],
      [
        [
          { ms: 60, status: 502 },
          { ms: 10, error: two },
        ],
        { status: 502, text: 'copy 1' },
      ],
      [
        [
          { ms: 60, error: one },
          { ms: 100, error: two },
        ],
        { error: one },
      ],
      [
        [
          { ms: 100, error: one },
          { ms: 10, error: two },
        ],
        { error: one },
      ],
      [
        [
          { ms: 10, error: one },
          { ms: 10, error: two },
        ],
        { error: one },
      ],
    ];
    for (const [steps, expected] of table) {
      const { outcome, facts } = run({ delay: 50 }, steps);
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject(expected);
      expect(facts().filter((fact) => (fact as KyoaEvent).type === 'hedge.won')).toEqual([]);
    }
  });

  test('`when` says what is bad', async () => {
    const when = ({ response }: { response?: Response }): boolean => response?.status === 404;
    const { outcome } = run({ delay: 50, when }, [
      { ms: 60, status: 404 },
      { ms: 100, status: 500 },
    ]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ status: 500, text: 'copy 2' });
  });

  test('a `when` that throws fails the call, and leaves nothing running', async () => {
    const oops = new RangeError('oops');
    const { outcome, sent } = run(
      {
        delay: 50,
        when: () => {
          throw oops;
        },
      },
      [{ ms: 60 }, { ms: 100 }],
    );
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ error: oops });
    expect(sent[1]!.signal.aborted).toBe(true);
  });

  test('nothing is launched after the caller left, and all copies are aborted with the caller’s reason', async () => {
    for (const [at, copies] of [
      [10, 1],
      [60, 2],
    ] as const) {
      const leaving = new AbortController();
      const reason = { why: `at ${at}` };
      const { outcome, sent } = run({ delay: 50, hedges: 5 }, [{ ms: 1_000 }], { signal: leaving.signal });
      await vi.advanceTimersByTimeAsync(at);
      leaving.abort(reason);
      await vi.advanceTimersByTimeAsync(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(await outcome).toEqual({ error: reason, ms: at });
      expect(sent.map(({ signal }) => signal.reason)).toEqual(Array.from({ length: copies }, () => reason));
    }
  });

  test('a limit above ends it, also when the transport hears nothing', async () => {
    for (const transport of [silent, deaf]) {
      const { fetch, events } = watched([timeout(120), hedge({ delay: 50 })], transport);
      const error = fetch(url).catch((thrown: unknown) => thrown);
      await vi.runAllTimersAsync();
      expect(await error).toMatchObject({ name: 'TimeoutError', phase: 'total' });
      expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(2);
    }
  });

  test('an exhausted budget suppresses the copy and does not touch the original', async () => {
    const none = budget({ ratio: 0, floor: 0 });
    const { outcome, sent, facts } = run({ delay: 50, hedges: 3, budget: none }, [{ ms: 500 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual({ status: 200, text: 'copy 1', ms: 500 });
    expect(sent).toHaveLength(1);
    expect(facts()).toEqual([{ type: 'hedge.suppressed', reason: 'budget' }]);
  });

  test('its own budget is the ratio, a quarter for chance, and a reserve of ten in ten seconds', async () => {
    const { transport, sent } = scripted({ ms: 100 });
    const fetch = createFetch({ use: [hedge({ ratio: 0.1, delay: 50 })], fetch: transport });
    const answers = Array.from({ length: 200 }, () => fetch(url));
    await vi.runAllTimersAsync();
    await Promise.all(answers);
    expect(sent).toHaveLength(200 + 25 + 10);
  });

  test('a call that overrides it shares its budget; `false` lifts the bound', async () => {
    const { transport, sent } = scripted({ ms: 100 });
    const fetch = createFetch({
      use: [hedge({ delay: 50, budget: budget({ ratio: 0, floor: 0.1 }) })],
      fetch: transport,
    });
    for (const [override, copies] of [
      [{ hedges: 2 }, 2],
      [{ hedges: 2 }, 1],
      [0.5, 1],
      [{ budget: false }, 2],
      [{ delay: 200, budget: false }, 1],
      [false, 1],
      [true, 1],
    ] as const) {
      sent.length = 0;
      const answer = fetch(url, { hedge: override });
      await vi.runAllTimersAsync();
      await answer;
      expect([override, sent.length]).toEqual([override, copies]);
    }
  });

  test('copies safe methods only, unless another is listed', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PUT', 'DELETE', 'POST', 'PATCH']) {
      for (const listed of [false, true]) {
        const init = { method, headers: { 'Idempotency-Key': 'k' } };
        const { outcome, sent } = run({ delay: 50, ...(listed && { methods: [method] }) }, [{ ms: 100 }], init);
        await vi.runAllTimersAsync();
        await outcome;
        const copied = listed || ['GET', 'HEAD', 'OPTIONS', 'QUERY'].includes(method);
        expect([method, listed, sent.length]).toEqual([method, listed, copied ? 2 : 1]);
      }
    }
  });

  test('a loser that answers in spite of its abort is read to its end', async () => {
    const late = new Response('late');
    const { fetch } = watched([hedge({ delay: 50 })], async () => {
      count += 1;
      const copy = count;
      await new Promise((resolve) => setTimeout(resolve, copy === 1 ? 300 : 10));
      return copy === 1 ? late : new Response('good');
    });
    let count = 0;
    const answer = fetch(url);
    await vi.runAllTimersAsync();
    expect(await (await answer).text()).toBe('good');
    expect(late.bodyUsed).toBe(true);
  });

  test.each([
    ['hedge ratio must be a number from 0 to 1, got 5', () => hedge({ ratio: 5 })],
    ['hedge hedges must be a whole number of 0 or more, got 0.5', () => hedge({ hedges: 0.5 })],
    ['hedge delay must be a number of milliseconds, 0 or more, got -1', () => hedge({ delay: -1 })],
    ['hedge methods must be a list, got "GET"', () => hedge({ methods: 'GET' as never })],
    ['hedge key must be a function', () => hedge({ key: 'GET' as never })],
    ['hedge has no option after; it has ratio, hedges', () => hedge({ after: 3 } as never)],
  ])('refuses: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

describe('hedge learns its delay', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(async () => {
    await vi.runAllTimersAsync(); // the history is written
    vi.useRealTimers();
  });

  /** A fetch whose originals take what `latency` says, and its copies 5 ms. */
  function learner(options: Parameters<typeof hedge>[0]) {
    const storage = memory();
    const events: KyoaEvent[] = [];
    let latency: Step = { ms: 0 };
    let copies = 0;
    const { transport } = scripted({ ms: 5 });
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
        const answer = fetch(url + path, init).catch(() => undefined);
        await vi.advanceTimersByTimeAsync(ms + 10);
        await answer;
      },
    };
  }

  test('there is no copy before there are 20 samples', async () => {
    const { call, copies } = learner({ ratio: 0.5 });
    for (let sample = 0; sample < 20; sample += 1) {
      await call(1_000 + 10 * sample); // each is slower than all before it
      expect(copies()).toBe(0);
    }
    await call(1_500);
    expect(copies()).toBe(1);
  });

  test('the delay is the 1 - ratio quantile of the route', async () => {
    const { call, events } = learner({ ratio: 0.1 });
    const delays = (): number[] => events.flatMap((event) => (event.type === 'hedge.launched' ? [event.delay] : []));
    for (let ms = 99; ms >= 1; ms -= 1) await call(ms, `users/${ms}`);
    expect(delays()).toEqual([]);
    await call(500, 'users/7?full');
    await call(500, 'orders');
    expect(delays()).toEqual([90]);
  });

  test('originals that were superseded count, with half as much again as they were waited for', async () => {
    const { call, storage } = learner({ ratio: 0.1, budget: false });
    for (let sample = 0; sample < 20; sample += 1) await call(10);
    const { samples } = latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000).window;
    expect(samples).toEqual(Array.from({ length: 20 }, () => 10));
    await call(700);
    expect(latencyHistory(storage).series('hedge 0.1', 'GET http://api.example/', 1_000).window.samples.at(-1)).toBe(
      22.5,
    );
  });

  test('bad answers, calls given up before the delay, and calls with a delay of their own teach nothing', async () => {
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

  test('a service that gets slower for good costs no more than ratio and reserve, and is then left alone', async () => {
    const { call, copies } = learner({ ratio: 0.05 });
    for (let sample = 0; sample < 200; sample += 1) await call(20);
    const before = copies();
    for (let sample = 0; sample < 1_500; sample += 1) await call(200);
    expect(copies() - before).toBeLessThan(1_500 * 0.05 + (10 * 1_500 * 210) / 10_000);
    const settled = copies();
    for (let sample = 0; sample < 100; sample += 1) await call(200);
    expect(copies()).toBe(settled);
  });

  test('a ratio of 0 copies nothing, and a key of undefined leaves a call alone', async () => {
    for (const options of [{ ratio: 0 }, { key: () => undefined }, { hedges: 0 }]) {
      const { call, copies } = learner(options);
      for (let sample = 0; sample < 30; sample += 1) await call(10);
      await call(1_000);
      expect(copies()).toBe(0);
    }
  });
});

describe('hedge on a real server', () => {
  let server: FaultServer;
  const events: KyoaEvent[] = [];
  const fetch = createFetch({
    use: [
      observe((event) => events.push(event)),
      timeout(5_000),
      hedge({ delay: 40, methods: ['GET', 'HEAD', 'PUT'] }),
    ],
  });
  const id = (): string => crypto.randomUUID();
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
    events.length = 0;
  });
  afterAll(() => server.close());

  test('an original that hangs is aborted once the copy has answered', async () => {
    const response = await fetch(server.url(`/sequence?steps=hang,ok&id=${id()}`));
    expect(response.status).toBe(200);
    await response.text();
    await server.until(({ aborted }) => aborted.length === 1);
    expect(server.requests.map(({ state }) => state)).toEqual(['aborted', 'complete']);
  });

  test('the winner’s body survives the losers’ abort, read slowly', async () => {
    // The original drips its headers for ever so long; the copy drips its body.
    let copies = 0;
    const routed = createFetch({
      use: [hedge({ delay: 20 })],
      fetch: (_input, init) =>
        globalThis.fetch(server.url((copies += 1) === 1 ? '/blackhole' : '/drip/body?chunks=10&gap=20&size=100'), init),
    });
    const response = await routed(server.url('/'));
    await server.until(({ aborted }) => aborted.length === 1);
    let length = 0;
    for await (const chunk of response.body!) length += chunk.byteLength;
    expect(length).toBe(1_000);
    expect(server.requests.map(({ state }) => state)).toEqual(['aborted', 'complete']);
  });

  test('a total limit and the caller’s abort still reach the winner’s body', async () => {
    const leaving = new AbortController();
    for (const [init, expected] of [
      [{ timeout: 200 }, { name: 'TimeoutError', phase: 'total' }],
      [{ signal: leaving.signal }, { why: 'enough' }],
    ] as const) {
      const response = await fetch(server.url(`/sequence?steps=hang,stall&id=${id()}`), init);
      const reading = response.text().catch((error: unknown) => error);
      await server.until(({ aborted }) => aborted.length > 0);
      if ('signal' in init) leaving.abort({ why: 'enough' });
      expect(await reading).toMatchObject(expected);
      await server.until(({ aborted }) => aborted.length === 2);
      server.reset();
    }
  });

  test('when all fail, the body of what is returned is readable, and the other connection lives on', async () => {
    const response = await fetch(server.url('/status/503?delay=60'));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ path: '/status/503' });
    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(server.aborted).toHaveLength(0);
  });

  test('a bad answer that waited for a better one is read to its end: its connection is used again', async () => {
    const connection = createFetch({ use: [hedge({ delay: 5_000 })] });
    await (await connection(server.url(`/sequence?steps=503,delay&gap=30&id=${id()}`))).text();
    await expectQuiet(server);
    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(server.aborted).toHaveLength(0);
  });

  test('a long bad answer that lost is cancelled', async () => {
    let copies = 0;
    const routed = createFetch({
      use: [hedge({ delay: 5_000 })],
      fetch: (_input, init) =>
        globalThis.fetch(server.url((copies += 1) === 1 ? '/endless?status=500' : '/ok?delay=30'), init),
    });
    await (await routed(server.url('/'))).text();
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('a connection reset launches the copy at once', async () => {
    const response = await fetch(server.url(`/reset-sequence?steps=reset,ok&id=${id()}`), { hedge: { delay: 60_000 } });
    expect(response.status).toBe(200);
    await response.text();
    expect(server.requests).toHaveLength(2);
  });

  test('a PUT that is listed sends its whole body twice, also that of a Request of unknown origin', async () => {
    const target = (): string => server.url(`/sequence?steps=hang,ok&id=${id()}`);
    await (await fetch(target(), { method: 'PUT', body: 'mine' })).text();
    await (await fetch(new Request(target(), { method: 'PUT', body: 'mine' }))).text();
    expect(server.requests.map(({ body }) => body.toString())).toEqual(['mine', 'mine', 'mine', 'mine']);
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('a stream is sent once', async () => {
    const body = new Blob(['streamed']).stream();
    await (await fetch(server.url('/ok?delay=120'), { method: 'PUT', body, duplex: 'half' } as RequestInit)).text();
    expect(server.requests.map((seen) => seen.body.toString())).toEqual(['streamed']);
    expect(events.filter(({ type }) => type.startsWith('hedge.'))).toEqual([]);
  });

  test('a body too long to keep is sent once', async () => {
    const request = new Request(server.url('/ok?size=1&delay=300'), { method: 'PUT', body: new Uint8Array(3 << 20) });
    await (await fetch(request)).text();
    expect(server.requests).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'hedge.suppressed', reason: 'body' }));
  });

  test('POST is sent once', async () => {
    await (await fetch(server.url('/ok?delay=120'), { method: 'POST', body: 'order' })).text();
    expect(server.requests).toHaveLength(1);
  });

  test('the caller leaving aborts both', async () => {
    const leaving = new AbortController();
    const error = fetch(server.url('/blackhole'), { signal: leaving.signal }).catch((thrown: unknown) => thrown);
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('copies are as the original was, without the headers that another cache mode would add', async () => {
    await (await fetch(server.url('/ok?delay=80'), { headers: { accept: 'application/json' } })).text();
    await server.until(({ requests }) => requests.length === 2);
    const [original, copy] = server.requests.map(({ headers }) => headers);
    expect(copy).toEqual(original);
  });
});

describe('hedge in a program that pauses', () => {
  /** Answers as a socket does, after the timers that are due; meanwhile the program is busy, ms. */
  const answerDuring = (pause: number): Fetch => {
    return () =>
      new Promise((resolve) => {
        setImmediate(() => resolve(new Response('good')));
        queueMicrotask(() => {
          const until = performance.now() + pause;
          while (performance.now() < until);
        });
      });
  };

  test('hears what came during the pause before it sends a copy, and takes it for in time', async () => {
    const storage = memory();
    const events: KyoaEvent[] = [];
    const use = [observe((event) => events.push(event)), hedge({ ratio: 0.05 })];
    const fetch = createFetch({ use, storage, fetch: answerDuring(40) });
    const series = latencyHistory(storage).series('hedge 0.05', 'GET http://api.example/', 1_000);
    for (let sample = 0; sample < 20; sample += 1) series.add(10);
    // From a turn of the loop on in which the timers' own comes before the next one of `setImmediate`.
    await new Promise((resolve) => setImmediate(resolve));
    const response = await fetch(url);
    expect(await response.text()).toBe('good');
    expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(1);
    expect(series.window.samples.at(-1)).toBe(10);
  });
});
