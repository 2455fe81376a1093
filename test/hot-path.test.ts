/** What a call that succeeds at once does not cost. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { undici } from '../adapters/transport/undici/undici.ts';
import { createFetch, standard, type Fetch, type Middleware } from '../src/index.ts';
import { url } from './support/http.ts';
import { origin } from './support/origin.ts';

const spies = {
  'Request.clone': () => vi.spyOn(Request.prototype, 'clone'),
  'Response.clone': () => vi.spyOn(Response.prototype, 'clone'),
  'ReadableStream.tee': () => vi.spyOn(ReadableStream.prototype, 'tee'),
  'AbortSignal.any': () => vi.spyOn(AbortSignal, 'any'),
  'AbortSignal.timeout': () => vi.spyOn(AbortSignal, 'timeout'),
  // The error of p-timeout calls it, which takes 9 of the 10 microseconds that p-timeout would cost.
  'Error.captureStackTrace': () => vi.spyOn(Error, 'captureStackTrace'),
  'crypto.subtle.digest': () => vi.spyOn(crypto.subtle, 'digest'),
} as const;

describe('the standard stack', () => {
  const counts = new Map<string, { mock: { calls: readonly unknown[] } }>();
  let streams = 0;
  beforeEach(() => {
    for (const [name, spy] of Object.entries(spies)) counts.set(name, spy());
    streams = 0;
    const counting: ProxyHandler<typeof ReadableStream> = {
      construct(target, args, newTarget) {
        streams += 1;
        return Reflect.construct(target, args, newTarget) as ReadableStream;
      },
    };
    vi.stubGlobal('ReadableStream', new Proxy(ReadableStream, counting));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** A transport that creates a Request and a Response, as every fetch does. */
  const transport: Fetch = async (input, init) => (new Request(input, init), new Response('{"ok":true}'));
  const fetch = createFetch({ use: standard(), fetch: transport });
  const inits: Record<string, RequestInit> = {
    'a GET': {},
    'a GET with headers': { headers: { accept: 'application/json' } },
    'a PUT with a text body': { method: 'PUT', body: 'text' },
    'a POST with a text body': { method: 'POST', body: 'text' },
    'a PUT with a form': { method: 'PUT', body: new URLSearchParams('a=1') },
  };

  test.each(Object.entries(inits))(
    'clones, tees, wraps and hashes nothing, and creates no error, for %s that succeeds',
    async (_name, init) => {
      await transport('http://api.example/users', init);
      const ofPlatform = streams;
      streams = 0;
      const response = await fetch('http://api.example/users', init);
      expect(await response.json()).toEqual({ ok: true });
      expect(Object.fromEntries([...counts].map(([name, { mock }]) => [name, mock.calls.length]))).toEqual(
        Object.fromEntries(Object.keys(spies).map((name) => [name, 0])),
      );
      expect(streams).toBe(ofPlatform);
    },
  );

  test('returns the very Response of the transport', async () => {
    const own = new Response('mine');
    expect(await createFetch({ use: standard(), fetch: async () => own })(url)).toBe(own);
  });
});

describe.each([
  ['undici()', undici],
  ['the global fetch', () => undefined],
])('a call over %s', (_, make) => {
  test.each([
    ['with no init', undefined],
    ['with options of kyoa', { timeout: 5_000 }],
    ['with a signal', { signal: new AbortController().signal }],
    ['with headers', { headers: { accept: 'text/plain' } }],
    ['with JSON', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
    ['with an idempotency key', { method: 'POST', body: new Uint8Array(9), requestId: 'order-1' }],
  ])('creates no Request %s', async (_, init) => {
    await using server = await origin(({ response }) => response.end('{"ok":true}'));
    await using transport = make();
    const fetch = createFetch({ use: standard(), ...(transport && { fetch: transport }) });
    let requests = 0;
    class Counting extends Request {
      constructor(...args: ConstructorParameters<typeof Request>) {
        super(...args);
        requests += 1;
      }
    }
    vi.stubGlobal('Request', Counting);
    try {
      expect(await (await fetch(server.url, init)).json()).toEqual({ ok: true });
      expect(requests).toBe(0);
      await (await fetch(server.url, { method: 'copy' })).text(); // a method that only the platform checks
      expect(requests).toBe(1);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('sends the headers that a middleware adds to its Request', async () => {
    await using server = await origin(({ response }) => response.end());
    await using transport = make();
    const tenant: Middleware = (ctx, next) => {
      ctx.request.headers.set('x-tenant', 'blue');
      return next();
    };
    await (
      await createFetch({ use: [...standard(), tenant], ...(transport && { fetch: transport }) })(server.url)
    ).text();
    expect(server.exchanges[0]!.request.headers).toMatchObject({ 'x-tenant': 'blue', accept: '*/*' });
  });

  test('is retried unchanged', async () => {
    await using server = await origin(({ response }) => {
      if (server.exchanges.length === 1) response.writeHead(503, { 'retry-after-ms': '1' });
      response.end();
    });
    await using transport = make();
    const { status } = await createFetch({ use: standard(), ...(transport && { fetch: transport }) })(server.url);
    const [first, second] = server.exchanges.map(({ request }) => request.headers);
    expect(status).toBe(200);
    expect(second).toEqual(first);
  });
});
