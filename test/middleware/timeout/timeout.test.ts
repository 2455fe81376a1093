import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createFetch,
  observe,
  retry,
  timeout,
  TimeoutError,
  type Adaptive,
  type Fetch,
  type KyoaEvent,
} from '../../../src/index.ts';
import { deaf, silent, stub, watched } from '../../support/call.ts';
import { url } from '../../support/http.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { countTimers, exitsByItself, expectQuiet, gcUntil } from '../../support/sockets.ts';

describe('timeout', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('rejects at its limit and aborts the request', async () => {
    const { fetch, events } = watched([timeout({ headers: 300 })], silent);
    const result = fetch(url).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(299);
    expect(events.map(({ type }) => type)).toEqual(['request.started', 'attempt.sent']);
    await vi.advanceTimersByTimeAsync(1);
    const error = await result;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'TIMEOUT', phase: 'headers', limit: 300, elapsed: 300 });
    expect((error as TimeoutError).request!.url).toBe(url);
    expect((error as Error).message).toBe('No response headers within 300 ms (headers): GET http://api.example/');
    expect(events.at(-2)).toMatchObject({ type: 'attempt.failed', error });
    expect(events.map(({ type }) => type)).toContain('timeout.exceeded');
  });

  test('rejects on time even if the transport ignores the signal, also where limits are nested', async () => {
    const fetch = createFetch({ use: [timeout(200), timeout({ headers: 5_000 })], fetch: deaf });
    const result = fetch(url).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(200);
    expect(await result).toMatchObject({ phase: 'total', limit: 200 });
  });

  test('passes the earlier of nested limits on as the deadline', async () => {
    const deadlines: (number | undefined)[] = [];
    const fetch = createFetch({
      use: [
        timeout({ idle: 50 }),
        async (ctx, next) => (deadlines.push(ctx.deadline), next()),
        timeout(1_000),
        timeout({ headers: 5_000 }),
        async (ctx, next) => (deadlines.push(ctx.deadline), next()),
      ],
      fetch: async () => new Response(null),
    });
    const started = performance.now();
    await fetch(url);
    expect(deadlines).toEqual([undefined, started + 1_000]);
  });

  test('discards a response that comes too late', async () => {
    let cancelled: unknown = 'not yet';
    const body = new ReadableStream({ cancel: (reason) => void (cancelled = reason) });
    const late = (): Promise<Response> =>
      new Promise((resolve) =>
        setTimeout(() => resolve(new Response(body, { headers: { 'content-length': '9999999' } })), 500),
      );
    const fetch = createFetch({ use: [timeout(100)], fetch: late });
    const result = fetch(url).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toBeInstanceOf(TimeoutError);
    await vi.advanceTimersByTimeAsync(400);
    expect(cancelled).toBeUndefined();
  });

  test('limits with total the call from its beginning, and not the body from the headers', async () => {
    const { fetch } = stub([timeout(100)], async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return new Response(new ReadableStream());
    });
    const text = fetch(url)
      .then((response) => response.text())
      .catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(await text).toMatchObject({ phase: 'total', limit: 100, elapsed: 100 });
  });

  test('never expires under a limit beyond 2^31-1 ms', async () => {
    const { fetch, sent } = stub([timeout(2 ** 31)], async () => {
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      return new Response('late, but here');
    });
    const result = fetch(url);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await (await result).text()).toBe('late, but here');
    expect(sent).toHaveLength(1);
  });

  test('leaves no timer if the caller aborts while the request is passed to the transport', async () => {
    const caller = new AbortController();
    const abort: Fetch = () => (caller.abort('enough'), new Promise(() => {}));
    const fetch = createFetch({ use: [timeout({ total: 5_000, headers: 300 })], fetch: abort });
    expect(await fetch(url, { signal: caller.signal }).catch((error: unknown) => error)).toBe('enough');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('leaves no timer if the transport throws synchronously', async () => {
    const fetch = createFetch({
      use: [timeout(1_000)],
      fetch: () => {
        throw new Error('at once');
      },
    });
    await expect(fetch(url)).rejects.toThrow('at once');
  });

  test('is overridden for a call by a number, by an object, or by false', async () => {
    const { fetch } = watched([timeout({ total: 1_000 })], silent);
    for (const [override, limit] of [
      [100, 100],
      [{ total: 200 }, 200],
      [true, 1_000],
      [undefined, 1_000],
    ] as const) {
      const result = fetch(url, { ...(override !== undefined && { timeout: override }) }).catch(
        (error: unknown) => error,
      );
      await vi.advanceTimersByTimeAsync(limit);
      expect(await result).toMatchObject({ phase: 'total', limit });
    }
    const leaving = new AbortController();
    const unlimited = fetch(url, { timeout: false, signal: leaving.signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100_000);
    leaving.abort('enough');
    expect(await unlimited).toBe('enough');
  });

  test('applies each limit of an override to the instance that has this limit, and a new one to the innermost', async () => {
    const limits: Record<string, number | undefined>[] = [];
    const spy = (name: string) =>
      async function spy(ctx: { deadline: number | undefined }, next: () => Promise<Response>): Promise<Response> {
        limits.push({ [name]: ctx.deadline && ctx.deadline - performance.now() });
        return next();
      };
    const fetch = createFetch({
      use: [timeout({ total: 30_000 }), spy('outer'), timeout({ idle: 9_000 }), spy('inner')],
      fetch: async () => new Response(null),
    });
    await fetch(url, { timeout: 3_000 });
    await fetch(url, { timeout: { headers: 500 } });
    await fetch(url, { timeout: { total: false } });
    expect(limits).toEqual([
      { outer: 3_000 },
      { inner: 3_000 },
      { outer: 30_000 },
      { inner: 500 },
      { outer: undefined },
      { inner: undefined },
    ]);
  });

  test('does not end an event stream at its total limit', async () => {
    const encoder = new TextEncoder();
    const stream = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        controller.enqueue(encoder.encode('data: x\n\n'));
      },
    });
    const { fetch } = stub(
      [timeout({ total: 1_000, idle: 500 })],
      () => new Response(stream, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } }),
    );
    const reader = (await fetch(url)).body!.getReader();
    for (let event = 0; event < 10; event += 1) {
      const read = reader.read();
      await vi.advanceTimersByTimeAsync(400);
      expect((await read).done).toBe(false);
    }
    await reader.cancel();
    await vi.advanceTimersByTimeAsync(400); // the source's own timer
  });

  test('measures with idle the silence of the server, not that of the reader', async () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode('x'));
      },
    });
    const { fetch } = stub([timeout({ idle: 100 })], () => new Response(body));
    const reader = (await fetch(url)).body!.getReader();
    for (let chunk = 0; chunk < 5; chunk += 1) {
      expect((await reader.read()).done).toBe(false);
      await vi.advanceTimersByTimeAsync(10_000);
    }
    await reader.cancel();
  });

  test('limits with idle the wait for the first chunk, and ends a silence where isProgress returns true', async () => {
    const encoder = new TextEncoder();
    let cancelled = false;
    const heartbeats = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        if (!cancelled) controller.enqueue(encoder.encode(': keep-alive\n\n'));
      },
      cancel: () => void (cancelled = true),
    });
    const { fetch } = stub(
      [timeout({ idle: 100, isProgress: (chunk) => chunk[0] !== 0x3a })],
      () => new Response(heartbeats, { headers: { 'content-type': 'text/event-stream' } }),
    );
    const text = (await fetch(url)).text().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(await text).toMatchObject({ phase: 'idle', limit: 100 });
    await vi.advanceTimersByTimeAsync(40); // the source's own timer; cancelled, it sets no other
  });

  test('rejects with the error of a limit that cannot be measured', async () => {
    const broken: Adaptive = {
      measure() {
        throw new Error('no history');
      },
    };
    for (const phase of ['total', 'headers', 'idle']) {
      const { fetch } = stub([timeout({ [phase]: broken })], () => new Response('body'));
      await expect(fetch(url)).rejects.toThrow('no history');
    }
  });

  test('rejects with the error of a limit that throws when it expires', async () => {
    const broken: Adaptive = {
      measure: () => ({
        limit: 100,
        finished() {},
        expired() {
          throw new Error('no history');
        },
      }),
    };
    for (const phase of ['total', 'headers']) {
      const { fetch } = watched([timeout({ [phase]: broken })], silent);
      const error = fetch(url).catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(100);
      expect(await error).toMatchObject({ message: 'no history' });
    }
  });

  test.each([
    ['timeout total', () => timeout(0)],
    ['timeout total', () => timeout(Number.NaN)],
    ['timeout headers', () => timeout({ headers: -1 })],
    ['timeout idle', () => timeout({ idle: '5s' as never })],
    ['timeout total', () => timeout({ total: null as never })],
    ['timeout has no option connect', () => timeout({ connect: 5 } as never)],
    ['timeout isProgress', () => timeout({ isProgress: 1 as never })],
  ])('refuses a bad option: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });

  test('rejects a call with a bad override', async () => {
    const { fetch } = stub([timeout(100)], () => new Response(null));
    await expect(fetch(url, { timeout: 'soon' as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('timeout on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('limits with total the time to the last byte, and closes the connection', async () => {
    const fetch = createFetch({ use: [timeout(500)] });
    const response = await fetch(server.url('/stall/body'));
    await expect(response.text()).rejects.toMatchObject({ phase: 'total', limit: 500 });
    await server.until(({ aborted }) => aborted.length === 1);
    expect(response).toBeInstanceOf(Response);
    expect(response.url).toBe(server.url('/stall/body'));
  });

  test('ends with total a body that drips, however it is read', async () => {
    const fetch = createFetch({ use: [timeout(120)] });
    const read = async (path: string, how: (response: Response) => Promise<unknown>): Promise<unknown> =>
      how(await fetch(server.url(path)));
    const path = '/drip/body?chunks=1000&gap=20';
    const drain = async (response: Response): Promise<void> => {
      for await (const _chunk of response.body!);
    };
    for (const how of [
      (r: Response) => r.json(),
      (r: Response) => r.arrayBuffer(),
      (r: Response) => r.clone().text(),
      drain,
    ]) {
      await expect(read(path, how)).rejects.toMatchObject({ phase: 'total' });
    }
    await server.until(({ aborted }) => aborted.length === 4);
  });

  test('ends with idle a body that stalls, and not one that drips', async () => {
    const events: KyoaEvent[] = [];
    const fetch = createFetch({ use: [observe((event) => events.push(event)), timeout({ idle: 500 })] });
    const dripping = await fetch(server.url('/drip/body?chunks=8&gap=80'));
    expect(await dripping.text()).not.toBe('');
    const stalling = await fetch(server.url('/stall/body'));
    await expect(stalling.text()).rejects.toMatchObject({ phase: 'idle', limit: 500 });
    await server.until(({ aborted }) => aborted.length === 1);
    expect(events.at(-1)).toMatchObject({ type: 'timeout.exceeded', phase: 'idle' });
  });

  test('keeps url, redirected and type, also through clone()', async () => {
    const fetch = createFetch({ use: [timeout({ total: 5_000, idle: 1_000 })] });
    const response = await fetch(server.url('/redirect/to'));
    const copy = response.clone();
    for (const one of [response, copy, copy.clone()]) {
      expect(one).toBeInstanceOf(Response);
      expect(one).toMatchObject({ redirected: true, type: response.type, status: 200 });
      expect(one.url).not.toBe('');
      expect(one.url).not.toContain('redirect');
      expect(await one.text()).not.toBe('');
      expect(one.bodyUsed).toBe(true);
    }
  });

  test('aborts after a garbage collection, before the headers and within the body', async () => {
    const fetch = createFetch({ use: [timeout(5_000)] });
    for (const path of ['/blackhole', '/stall/body']) {
      const leaving = new AbortController();
      const reading = fetch(server.url(path), { signal: leaving.signal })
        .then((response) => response.text())
        .catch((error: unknown) => error);
      await server.until(({ requests }) => requests.some((seen) => seen.path === path && seen.state === 'hanging'));
      let rounds = 0;
      await gcUntil(() => ++rounds === 5);
      leaving.abort('after the collection');
      expect(await reading).toBe('after the collection');
    }
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('lets a response be collected that is dropped unread, while its limits run', async () => {
    const use = [timeout({ total: 60_000, headers: 50_000 }), timeout({ idle: 40_000 })];
    const fetch = createFetch({ use, fetch: async () => new Response(new ReadableStream()) });
    const dropped = async (): Promise<WeakRef<Response>> => new WeakRef(await fetch(url));
    const response = await dropped();
    await gcUntil(() => response.deref() === undefined);
  });

  test('gives a retry after an expired attempt a new signal', async () => {
    const fetch = createFetch({ use: [timeout(3_000), retry({ backoff: () => 0 }), timeout({ headers: 300 })] });
    const response = await fetch(server.url('/reset-sequence?steps=hang,ok&id=fresh'));
    expect(response.status).toBe(200);
    await response.text();
    expect(server.count()).toBe(2);
  });

  test('leaves no timer after a response that was read', async () => {
    const fetch = createFetch({ use: [timeout({ total: 60_000, headers: 50_000, idle: 40_000 })] });
    using timers = countTimers();
    const response = await fetch(server.url('/ok'));
    expect(timers.open()).toBeGreaterThan(0);
    await response.text();
    expect(timers.open()).toBe(0);
  });

  test.each([
    ['a response that was read', `await (await fetch(url)).text();`],
    ['a response that was not read', `await fetch(url);`],
    [
      'a transport that throws synchronously',
      `await createFetch({ use, fetch() { throw new Error('x'); } })(url).catch(() => {});`,
    ],
    [
      'a transport that ignores its signal',
      `await createFetch({ use: [timeout(50), timeout(60_000)], fetch: () => new Promise(() => {}) })(url).catch(() => {});`,
    ],
    [
      'a body without a socket that was read in part',
      `const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1)) });
       const { body } = await createFetch({ use, fetch: async () => new Response(endless) })(url);
       await body.getReader().read();`,
    ],
  ])('keeps no process alive after %s', async (_name, code) => {
    const {
      code: exit,
      ms,
      stderr,
    } = await exitsByItself(`
      import { createFetch, timeout } from './src/index.ts';
      const url = ${JSON.stringify(server.url('/ok'))};
      const use = [timeout({ total: 60_000, headers: 50_000, idle: 40_000 })];
      const fetch = createFetch({ use });
      ${code}
    `);
    expect(stderr).toBe('');
    expect(exit).toBe(0);
    expect(ms).toBeLessThan(8_000);
  });

  test.each([
    ['total', '{ total: 300 }', 'response.text()'],
    ['total', '{ total: 300 }', 'response.body.getReader().read()'],
    ['total', '{ total: 300, idle: 60_000 }', 'response.text()'],
    ['idle', '{ total: 60_000, idle: 300 }', 'response.json()'],
    ['idle', '{ idle: 300 }', 'response.body.getReader().read()'],
  ])('keeps a process alive until %s ends a read of a body without a socket: %s, %s', async (phase, limits, read) => {
    const { code, stdout } = await exitsByItself(`
      import { createFetch, timeout } from './src/index.ts';
      const fetch = createFetch({ use: [timeout(${limits})], fetch: async () => new Response(new ReadableStream()) });
      const response = await fetch('http://api.example/');
      await ${read}.catch((error) => console.log(error.name, error.phase));
    `);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `TimeoutError ${phase}\n` });
  });
});
