import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  constant,
  createFetch,
  createHandler,
  retry,
  standard,
  timeout,
  type Fetch,
  type Middleware,
} from '../src/index.ts';
import { silent, stub } from './support/call.ts';
import { faultServer, type FaultServer } from './support/faults.ts';
import { url } from './support/http.ts';
import { deferred, reasonOf } from './support/promises.ts';
import { expectQuiet, gcUntil } from './support/sockets.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await faultServer();
});
afterEach(async () => {
  await expectQuiet(server);
  server.reset();
});
afterAll(() => server.close());

const describeError = (thrown: unknown): string[] => {
  const { name, message, cause } = thrown as Error;
  return [name, message, cause instanceof Error ? cause.message : 'no cause'];
};

describe('createFetch', () => {
  test('resolves like fetch, to a genuine Response with url and headers, even for an error status', async () => {
    const fetch = createFetch({ use: standard() });
    const mine = await fetch(server.url('/status/404'));
    const plain = await globalThis.fetch(server.url('/status/404'));
    expect(mine).toBeInstanceOf(Response);
    for (const member of ['status', 'statusText', 'ok', 'url', 'redirected', 'type', 'bodyUsed'] as const) {
      expect([member, mine[member]]).toEqual([member, plain[member]]);
    }
    expect([...mine.headers.keys()]).toEqual([...plain.headers.keys()]);
    expect(await mine.text()).toBe(await plain.text());
  });

  test.each([
    ['a string and an init', (at: string) => [at, { method: 'PUT', body: 'x', headers: { a: 'b' } }] as const],
    ['a URL', (at: string) => [new URL(at), { method: 'PUT', body: 'x', headers: { a: 'b' } }] as const],
    ['a Request', (at: string) => [new Request(at, { method: 'PUT', body: 'x', headers: { a: 'b' } })] as const],
    [
      'a Request and an init',
      (at: string) => [new Request(at, { headers: { a: 'b' } }), { method: 'PUT', body: 'x' }] as const,
    ],
  ])('takes %s', async (_name, args: (at: string) => readonly [RequestInfo | URL, RequestInit?]) => {
    const fetch = createFetch({ use: standard() });
    await (await fetch(...args(server.url('/ok')))).text();
    expect(server.last).toMatchObject({ method: 'PUT', headers: { a: 'b' } });
    expect(server.last!.body.toString()).toBe('x');
  });

  test.each([
    ['a URL that cannot be parsed', '/relative', {}],
    ['credentials in the URL', 'http://user:pass@127.0.0.1/', {}],
    ['an unknown scheme', 'gopher://127.0.0.1/', {}],
    ['a bad port', 'http://127.0.0.1:1/', {}],
    ['a body on a GET', 'http://127.0.0.1:1/', { body: 'x' }],
    ['a bad method', 'http://127.0.0.1:1/', { method: 'TRACE' }],
    ['an invalid signal', 'http://127.0.0.1:1/', { signal: 'stop' as never }],
  ])('rejects with the same error as fetch for %s', async (_name, url, init) => {
    const fetch = createFetch({ use: standard() });
    const mine = await fetch(url, init).catch((error: unknown) => error as Error);
    const plain = await globalThis.fetch(url, init).catch((error: unknown) => error as Error);
    expect(mine).toBeInstanceOf(TypeError);
    expect(describeError(mine)).toEqual(describeError(plain));
  });

  test('passes unknown members of init to the transport, and keeps its own', async () => {
    const seen: RequestInit[] = [];
    const own: Middleware = async function tenant(ctx, next) {
      expect(ctx.options['tenant']).toBe('acme');
      expect(ctx.init).toEqual({ dispatcher: 1, priority: 'high', next: { revalidate: 1 } });
      return next();
    };
    const fetch = createFetch({
      use: [own, ...standard()],
      fetch: async (_url, init) => (seen.push(init!), new Response(null)),
    });
    const init = {
      dispatcher: 1,
      priority: 'high',
      next: { revalidate: 1 },
      tenant: 'acme',
      timeout: 3_000,
      retry: 2,
      requestId: 'r',
    };
    await fetch(url, init as RequestInit);
    const { headers, ...others } = seen[0]!;
    const unknown = { dispatcher: 1, priority: 'high', next: { revalidate: 1 } };
    expect(others).toEqual({ ...unknown, signal: expect.any(AbortSignal) });
    expect([...new Headers(headers)]).toEqual([]);
  });

  test('keeps the referrer and the referrer policy, which an init would reset', async () => {
    const seen: RequestInit[] = [];
    const fetch = createFetch({ fetch: async (_url, init) => (seen.push(init!), new Response(null)) });
    await fetch(new Request(url, { referrer: '', referrerPolicy: 'no-referrer' }));
    await fetch(url);
    expect(seen[0]).toMatchObject({ referrer: '', referrerPolicy: 'no-referrer' });
    expect(seen[1]).toEqual({});
  });

  test('looks up the global fetch at each call, and does not call itself as the global fetch', async () => {
    const fetch = createFetch();
    const original = globalThis.fetch;
    try {
      globalThis.fetch = async () => new Response('mocked');
      expect(await (await fetch(url)).text()).toBe('mocked');
      globalThis.fetch = createFetch({ use: standard() });
      expect((await fetch(server.url('/ok'))).status).toBe(200);
    } finally {
      globalThis.fetch = original;
    }
  });

  test('adds middleware inside with extend, or rewrites the stack, and keeps storage and transport', async () => {
    const order: string[] = [];
    const named =
      (name: string): Middleware =>
      async (_ctx, next) => (order.push(name), next());
    const transport: Fetch = async () => (order.push('transport'), new Response(null));
    const base = createFetch({ use: [named('a')], fetch: transport });
    await base.extend({ use: [named('b')] })(url);
    await base.extend({ use: (stack) => [named('z'), ...stack] })(url);
    await base.extend({})(url);
    expect(order).toEqual(['a', 'b', 'transport', 'z', 'a', 'transport', 'a', 'transport']);
  });

  test.each([
    [{ use: [1] }, 'use[0] must be a function, got 1'],
    [{ fetch: 'x' }, 'fetch must be a function'],
    [{ policies: [] }, 'createFetch has no option policies; it has use, storage, fetch'],
  ])('throws for the invalid options %j', (options, message) => {
    expect(() => createFetch(options as never)).toThrow(message);
  });

  test('rejects an invalid requestId', async () => {
    const { fetch, sent } = stub([], () => new Response(null));
    await expect(fetch(url, { requestId: '' })).rejects.toThrow('requestId must be a string that is not empty, got ""');
    expect(sent).toHaveLength(0);
  });

  test.each(['', 'a body'])('sends the body %j each time a middleware calls next with other headers', async (body) => {
    const bodies: string[] = [];
    const fetch = createFetch({
      use: [
        async (_ctx, next) => {
          await next({ headers: { a: '1' } });
          return next({ headers: { a: '2' } });
        },
      ],
      fetch: async (input, init) => {
        bodies.push(await new Request(input, init).text());
        return new Response();
      },
    });
    await fetch(url, { method: 'POST', body });
    expect(bodies).toEqual([body, body]);
  });
});

describe('the signal of a caller', () => {
  test('may be one of a polyfill, which the platform refuses', async () => {
    const signal = new EventTarget();
    Object.assign(signal, { aborted: false, reason: undefined });
    const fetch = createFetch({ use: standard(), fetch: () => new Promise(() => undefined) });
    const call = fetch(url, { signal: signal as AbortSignal });
    const reason = new Error('of the polyfill');
    Object.assign(signal, { aborted: true, reason });
    signal.dispatchEvent(new Event('abort'));
    await expect(call).rejects.toBe(reason);
  });

  test('rejects the call with its reason before the headers, during the body, and before the start', async () => {
    const fetch = createFetch({ use: standard() });
    const reason = { why: 'not an Error' };
    for (const path of ['/blackhole', '/stall/body']) {
      const leaving = new AbortController();
      const thrown = reasonOf(fetch(server.url(path), { signal: leaving.signal }).then((response) => response.json()));
      await server.until(({ requests }) => requests.some((seen) => seen.path === path && seen.state === 'hanging'));
      leaving.abort(reason);
      expect(await thrown).toBe(reason);
    }
    await server.until(({ aborted }) => aborted.length === 2);
    await expect(fetch(server.url('/ok'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.count('/ok')).toBe(0);
  });

  test.each<[string, RequestInit, RequestInit]>([
    ['a body', { method: 'POST' }, { body: 'text' }],
    ['a cache mode', { mode: 'same-origin' }, { cache: 'only-if-cached' }],
  ])('that has aborted is the reason also if an init gives a Request %s', async (_, own, init) => {
    const signal = AbortSignal.abort('why');
    await expect(createFetch()(new Request(url, own), { ...init, signal })).rejects.toBe('why');
  });

  test('can be that of a Request, and an init overrides it as in fetch', async () => {
    const fetch = createFetch({ fetch: silent });
    const own = new AbortController();
    const other = new AbortController();
    const given = reasonOf(fetch(new Request(url, { signal: own.signal })));
    const overridden = reasonOf(fetch(new Request(url, { signal: own.signal }), { signal: other.signal }));
    const removed = createFetch()(new Request(server.url('/ok'), { signal: AbortSignal.abort() }), { signal: null });
    own.abort('own');
    other.abort('other');
    expect(await given).toBe('own');
    expect(await overridden).toBe('other');
    expect((await removed).status).toBe(200);
  });

  test('rejects the call at once if the transport ignores it, and the late response is discarded', async () => {
    const cancelled = vi.fn();
    const late = deferred<Response>();
    const leaving = new AbortController();
    const pending = createFetch({ use: standard(), fetch: () => late.promise })(url, { signal: leaving.signal });
    await Promise.resolve();
    leaving.abort('now');
    await expect(pending).rejects.toBe('now');
    late.resolve(new Response(new ReadableStream({ cancel: cancelled }), { headers: { 'content-length': '999999' } }));
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalled());
  });

  test('has no listener after 10,000 calls, and the heap is flat', { timeout: 60_000 }, async () => {
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const body = JSON.stringify({ ok: true });
    const fetch = createFetch({ use: standard(), fetch: async () => new Response(body) });
    const call = async (): Promise<void> => {
      await (await fetch(url, { signal })).json();
    };
    const heap = async (): Promise<number> => {
      let rounds = 0;
      await gcUntil(() => ++rounds === 4);
      return process.memoryUsage().heapUsed;
    };
    const tenThousand = async (): Promise<void> => {
      for (let batch = 0; batch < 100; batch += 1) await Promise.all(Array.from({ length: 100 }, call));
    };
    await tenThousand(); // the code is compiled, and caches are filled
    // A leak grows in each round, a late compilation in one.
    const growth: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const before = await heap();
      await tenThousand();
      growth.push(((await heap()) - before) / 10_000);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(Math.min(...growth)).toBeLessThan(50); // bytes a call, of which AbortSignal.any keeps hundreds
    expect(warnings).toEqual([]);
    process.off('warning', warned);
  });

  test('has no listener after a call, in whichever way the call ends', async () => {
    const { signal } = new AbortController();
    const fetch = createFetch({ use: standard({ retry: { backoff: constant(1) } }) });
    const left = (): number => getEventListeners(signal, 'abort').length;
    await (await fetch(server.url('/ok'), { signal })).text();
    await (await fetch(server.url('/ok'), { signal })).body!.cancel();
    await (await fetch(server.url('/status/204'), { signal })).text();
    await fetch(server.url('/ok'), { signal, method: 'HEAD' });
    await expect(fetch(`${server.refused}/`, { signal })).rejects.toThrow('fetch failed');
    await expect(fetch(server.url('/reset/amid-body'), { signal }).then((r) => r.text())).rejects.toThrow('terminated');
    await expect(fetch(server.url('/stall/body'), { signal, timeout: 50 }).then((r) => r.text())).rejects.toThrow(
      'within 50 ms',
    );
    for await (const _chunk of (await fetch(server.url('/ok'), { signal })).body!);
    expect(left()).toBe(0);
  });
});

describe('the overrides of a call', () => {
  const use = [retry({ backoff: constant(0) })];
  const at503 = (): string => server.url('/status/503');
  const sent = async (call: () => Promise<Response>): Promise<number> => {
    const before = server.requests.length;
    await (await call()).text();
    return server.requests.length - before;
  };

  test.each([
    ['ofetch', { retry: 0, retryDelay: 0, timeout: 1, baseURL: '/', responseType: 'json', onRequest: undefined }],
    ['gaxios', { retry: false, timeout: 1, url: '/', params: {}, validateStatus: () => true }],
    ['node-fetch', { timeout: 0, size: 0, compress: true, follow: 20, agent: undefined }],
  ])('are not taken from the options of %s with overrides: false', async (_name, others) => {
    const seen: unknown[] = [];
    const transport: Fetch = (input, init) => (seen.push(init), fetch(input, init));
    const plain = createFetch({ use, fetch: transport, overrides: false });
    expect(await sent(() => plain(at503(), { headers: { a: 'b' }, ...others }))).toBe(4);
    expect(seen).toHaveLength(4);
    for (const init of seen) expect(init).toMatchObject(others);
  });

  test('are taken from one member if `overrides` is its name', async () => {
    const named = createFetch({ use, overrides: 'kyoa' });
    expect(await sent(() => named(at503(), { retry: 0 }))).toBe(4);
    expect(await sent(() => named(at503(), { retry: 9, kyoa: { retry: 1 } } as RequestInit))).toBe(2);
    expect(await sent(() => named(at503(), { kyoa: { retry: false } } as RequestInit))).toBe(1);
    await expect(named(at503(), { kyoa: { retires: 1 } } as RequestInit)).rejects.toThrow(/kyoa has no option retires/);
    await expect(named(at503(), { kyoa: 3 } as RequestInit)).rejects.toThrow(/kyoa must be an object/);
  });

  test('have their place in an extended fetch, too, unless it gets another', async () => {
    const plain = createFetch({ overrides: false }).extend({ use });
    expect(await sent(() => plain(at503(), { retry: 0 }))).toBe(4);
    expect(await sent(() => plain.extend({ overrides: true })(at503(), { retry: 0 }))).toBe(1);
  });

  test.each([1, null])('have no place %j', (overrides) => {
    expect(() => createFetch({ overrides: overrides as never })).toThrow(
      `overrides must be true, false or the name of a member of init, got ${JSON.stringify(overrides)}`,
    );
  });
});

describe('createHandler', () => {
  test('runs its stack around a handler', async () => {
    const seen: unknown[] = [];
    const handle = createHandler({ use: [async (ctx, next) => (seen.push(ctx.side), next())] }, (request, ctx) => {
      seen.push(ctx.request === request, ctx.side);
      return Response.json({ path: new URL(request.url).pathname });
    });
    expect(await (await handle(new Request('http://x/users'))).json()).toEqual({ path: '/users' });
    expect(seen).toEqual(['server', true, 'server']);
  });

  test('limits the time of the handler, and aborts it', async () => {
    let aborted: unknown;
    const handle = createHandler({ use: [timeout(30)] }, (_request, { signal }) => {
      signal.addEventListener('abort', () => (aborted = signal.reason), { once: true });
      return new Promise(() => {});
    });
    await expect(handle(new Request(url))).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(aborted).toMatchObject({ code: 'TIMEOUT' });
  });

  test('aborts the handler with its request', async () => {
    const leaving = new AbortController();
    const handle = createHandler({}, () => new Promise(() => {}));
    const pending = handle(new Request(url, { signal: leaving.signal }));
    leaving.abort('the client left');
    await expect(pending).rejects.toBe('the client left');
  });

  test('takes overrides with with(), and ignores further arguments', async () => {
    const handle = createHandler({ use: [timeout(30)] }, async (_request, ctx) => Response.json(ctx.options));
    expect(await (await handle.with({ timeout: 60 }).with({ requestId: 'r' })(new Request(url))).json()).toEqual({
      timeout: 60,
      requestId: 'r',
    });
    const withEnvironment = handle as (request: Request, env: unknown) => Promise<Response>;
    expect(await (await withEnvironment(new Request(url), { timeout: 'a binding' })).json()).toEqual({});
  });

  test('returns a plain Response to the platform, whose body is still watched', async () => {
    const ended = vi.fn();
    const handle = createHandler({ use: [timeout({ total: 5_000 })] }, () => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('hello'));
          controller.close();
        },
      });
      return new Response(body, { status: 201, headers: { 'x-a': 'b' } });
    });
    const response = await handle(new Request(url));
    expect(Object.getPrototypeOf(response)).toBe(Response.prototype);
    expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([201, 'b', 'hello']);
    ended();
  });

  test('rejects with the error that the handler throws synchronously', async () => {
    const handle = createHandler({ use: [retry()] }, () => {
      throw new RangeError('oops');
    });
    await expect(handle(new Request(url))).rejects.toThrow('oops');
  });
});
