import {
  constant,
  createFetch,
  createHandler,
  fallback,
  memory,
  observe,
  retry,
  staleIfError,
  StorageError,
  timeout,
  TimeoutError,
  type KyoaEvent,
  type StaleIfErrorOptions,
  type Storage,
} from 'kyoa';
import { file } from 'kyoa/file';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { faultServer, type FaultServer } from '../../support/faults.ts';
import { networkError, responseOf } from '../../support/http.ts';
import { origin, settled } from '../../support/origin.ts';
import { outcomeOf, reasonOf } from '../../support/promises.ts';
import { expectQuiet } from '../../support/sockets.ts';

const url = 'http://api.example/news';
const day = 86_400_000;
const down = networkError('ECONNREFUSED');
const marks = ({ headers }: Response) => [headers.get('age'), headers.get('warning')];
const warning = '111 kyoa "Revalidation Failed"';

/** A fetch over a service that responds as the test sets it. */
function service(options: StaleIfErrorOptions = {}, storage: Storage = memory()) {
  const events: KyoaEvent[] = [];
  const state = { sent: 0, respond: (): Response | Promise<Response> => new Response('good') };
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), staleIfError(options)],
    storage,
    fetch: async () => {
      state.sent += 1;
      return state.respond();
    },
  });
  /** Reads a body to its end, and waits until the response is stored. */
  const read = async (...args: Parameters<typeof fetch>): Promise<string> => {
    const text = await (await fetch(...args)).text();
    await stored();
    return text;
  };
  const own = () => events.filter(({ type }) => type.startsWith('stale'));
  return { fetch, read, state, events, own, storage };
}
/** Waits for the writes that follow a response. Of these only the digest runs on another thread. */
const stored = async (): Promise<void> => {
  for (let n = 0; n < 3; n += 1) {
    await settled();
    await Promise.all(digests);
  }
  await settled();
};
const respondWith =
  (status = 503) =>
  (): Response =>
    responseOf(status);
const refuse = (): Promise<Response> => Promise.reject(down);
const withHeaders = (headers: HeadersInit) => (): Response => new Response('good', { headers });

/** Whether a response with these headers is served when the service fails. */
async function isStored(headers: HeadersInit, init: RequestInit = {}, later: RequestInit = init): Promise<boolean> {
  const { read, fetch, state } = service();
  state.respond = withHeaders(headers);
  await read(url, init);
  state.respond = respondWith();
  return (await fetch(url, later)).status === 200;
}

let digests: Promise<unknown>[] = [];
beforeEach(() => {
  digests = [];
  const digest = crypto.subtle.digest.bind(crypto.subtle);
  vi.spyOn(crypto.subtle, 'digest').mockImplementation((...args) => {
    const made = digest(...args);
    digests.push(made);
    return made;
  });
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.UTC(2026, 0, 1) });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('staleIfError', () => {
  test.each([
    ['a response with 500 or more', respondWith(502), { status: 502 }],
    ['an error', refuse, { error: down }],
  ])('replaces %s by the last good response, and marks it', async (_name, failure, facts) => {
    const { read, fetch, state, own } = service();
    state.respond = () =>
      new Response('good', { status: 200, statusText: 'Fine', headers: { 'content-type': 'text/x', etag: '"1"' } });
    await read(url);
    state.respond = failure;
    await vi.advanceTimersByTimeAsync(90_500);
    const response = await fetch(url);
    expect(marks(response)).toEqual(['90', warning]);
    expect([response.status, response.statusText, response.headers.get('content-type')]).toEqual([
      200,
      'Fine',
      'text/x',
    ]);
    expect(response.headers.get('etag')).toBe('"1"');
    expect(await response.text()).toBe('good');
    expect(own()).toMatchObject([{ type: 'stale-if-error.served', age: 90, ...facts }]);
    expect(state.sent).toBe(2);
  });

  test('passes on a good response of the transport unmarked', async () => {
    const { fetch, state, own } = service();
    const good = new Response('good');
    state.respond = () => good;
    const response = await fetch(url);
    expect(response).toBe(good);
    expect(marks(response)).toEqual([null, null]);
    expect(own()).toEqual([]);
  });

  test('passes on a failure if no response is stored', async () => {
    const { fetch, state } = service();
    state.respond = respondWith();
    expect(await (await fetch(url)).text()).toBe('status 503');
    state.respond = refuse;
    expect(await reasonOf(fetch(url))).toBe(down);
  });

  test.each([408, 425, 429, 201, 204, 206, 301, 304])(
    'passes on a response with %i as no failure, and keeps the stored response',
    async (status) => {
      const { read, fetch, state } = service();
      await read(url);
      state.respond = () => new Response(null, { status });
      expect((await fetch(url)).status).toBe(status);
      await stored();
      state.respond = refuse;
      expect(await read(url)).toBe('good');
    },
  );

  test.each([404, 410, 401, 403])(
    'passes on a response with %i as no failure, and deletes the stored response',
    async (status) => {
      const { read, fetch, state } = service();
      await read(url);
      state.respond = respondWith(status);
      expect((await fetch(url)).status).toBe(status);
      await stored();
      state.respond = respondWith(500);
      expect((await fetch(url)).status).toBe(500);
    },
  );

  test('stores the last good response, and deletes the stored one after a response that may not be stored', async () => {
    const { read, fetch, state } = service();
    await read(url);
    state.respond = () => new Response('better');
    await read(url);
    state.respond = respondWith();
    expect(await read(url)).toBe('better');
    state.respond = withHeaders({ 'cache-control': 'no-store' });
    await read(url);
    state.respond = respondWith();
    expect((await fetch(url)).status).toBe(503);
  });

  test('serves a stored response until its ttl, to the millisecond', async () => {
    for (const [ttl, options] of [
      [day, {}],
      [5_000, { ttl: 5_000 }],
    ] as const) {
      const { read, fetch, state } = service(options);
      await read(url);
      state.respond = respondWith();
      await vi.advanceTimersByTimeAsync(ttl - 1);
      expect((await fetch(url)).status).toBe(200);
      await vi.advanceTimersByTimeAsync(1);
      expect((await fetch(url)).status).toBe(503);
    }
  });

  test('serves a stored response for stale-if-error seconds beyond its freshness', async () => {
    const { read, fetch, state } = service();
    state.respond = withHeaders({ 'cache-control': 'max-age=30, stale-if-error=60' });
    await read(url);
    state.respond = respondWith();
    await vi.advanceTimersByTimeAsync(89_999);
    expect((await fetch(url)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(1);
    expect((await fetch(url)).status).toBe(503);
  });

  test('obeys stale-if-error and no-cache of the request', async () => {
    const { read, fetch, state } = service();
    state.respond = withHeaders({ 'cache-control': 'max-age=30' });
    await read(url);
    state.respond = respondWith();
    await vi.advanceTimersByTimeAsync(60_000);
    const statusWith = async (control: string): Promise<number> =>
      (await fetch(url, { headers: { 'cache-control': control } })).status;
    expect(await statusWith('stale-if-error=30')).toBe(200);
    expect(await statusWith('stale-if-error=29')).toBe(503);
    expect(await statusWith('no-cache')).toBe(503);
  });

  test('adds its time to the Age of the stored response', async () => {
    const { read, fetch, state } = service();
    state.respond = withHeaders({ age: '100', warning: '199 other "x"' });
    await read(url);
    state.respond = respondWith();
    await vi.advanceTimersByTimeAsync(7_000);
    expect(marks(await fetch(url))).toEqual(['107', `199 other "x", ${warning}`]);
  });

  test.each([
    ['no-store', false],
    ['no-cache', false],
    ['max-age=60, must-revalidate', false],
    ['stale-if-error=0', false],
    ['private', true],
    ['public, max-age=60', true],
  ])('obeys Cache-Control: %s of a response, which is stored: %s', async (control, stored) => {
    expect(await isStored({ 'cache-control': control })).toBe(stored);
  });

  test('stores no response that varies by everything, and no event stream', async () => {
    expect(await isStored({ vary: '*' })).toBe(false);
    expect(await isStored({ 'content-type': 'text/event-stream; charset=utf-8' })).toBe(false);
    expect(await isStored({ vary: 'accept-language' })).toBe(true);
  });

  test('stores no response to a request with no-store or a range', async () => {
    expect(await isStored({}, { cache: 'no-store' }, {})).toBe(false);
    expect(await isStored({}, { headers: { 'cache-control': 'no-store' } }, {})).toBe(false);
    expect(await isStored({}, {}, { headers: { 'cache-control': 'no-store' } })).toBe(false);
    expect(await isStored({}, { headers: { range: 'bytes=0-9' } })).toBe(false);
  });

  test.each(['HEAD', 'POST', 'PUT', 'DELETE'])('neither stores nor replaces a response to %s', async (method) => {
    expect(await isStored({}, { method }, { method })).toBe(false);
    expect(await isStored({}, {}, { method })).toBe(false);
  });

  test.each([201, 202, 204, 206])('stores no response with %i', async (status) => {
    const { read, fetch, state } = service();
    state.respond = () => new Response(status === 204 ? null : 'partly', { status });
    await read(url);
    state.respond = respondWith();
    expect((await fetch(url)).status).toBe(503);
  });

  test('serves each user only the responses of that user', async () => {
    const { read, fetch, state } = service();
    const users = ['authorization', 'cookie', 'x-api-key'].flatMap((name) => [{ [name]: 'a' }, { [name]: 'b' }]);
    for (const [n, headers] of users.entries()) {
      state.respond = () => new Response(`of user ${n}`);
      await read(url, { headers });
    }
    state.respond = respondWith();
    for (const [n, headers] of users.entries()) expect(await read(url, { headers })).toBe(`of user ${n}`);
    expect((await fetch(url, { headers: { authorization: 'c' } })).status).toBe(503);
    expect((await fetch(url)).status).toBe(503);
  });

  test('writes no credential to the storage', async () => {
    const written: string[] = [];
    const inner = memory();
    const storage: Storage = {
      ...inner,
      set: (key, value, options) => {
        written.push(key, value);
        return inner.set(key, value, options);
      },
    };
    const { read, state } = service({}, storage);
    state.respond = withHeaders([['set-cookie', 'session=secret']]);
    await read(url, { headers: { authorization: 'Bearer secret', 'x-api-key': 'secret' } });
    expect(written).toHaveLength(2);
    expect(written.join()).not.toContain('secret');
  });

  test('ignores the requestId in its key, and takes a key option instead', async () => {
    const { read, state } = service();
    await read(url, { requestId: 'one' });
    state.respond = respondWith();
    expect(await read(url, { requestId: 'two' })).toBe('good');

    const keyed = service({ key: ({ request }) => (request.url.includes('private') ? undefined : 'one for all') });
    await keyed.read(url);
    keyed.state.respond = respondWith();
    expect(await keyed.read('http://api.example/other')).toBe('good');
    expect((await keyed.fetch('http://api.example/private')).status).toBe(503);
  });

  test('stores no body that is not read to its end', async () => {
    for (const leave of [
      async () => {},
      (response: Response) => response.body!.cancel(),
      async (response: Response) => {
        const reader = response.body!.getReader();
        await reader.read();
        await reader.cancel();
      },
    ]) {
      const { fetch, state } = service();
      state.respond = () => new Response(new Blob(['x'.repeat(200_000)]).stream());
      await leave(await fetch(url));
      await stored();
      state.respond = respondWith();
      expect((await fetch(url)).status).toBe(503);
    }
  });

  test('stores a body byte for byte, in whichever way it is read', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256);
    const ways: ((response: Response) => Promise<unknown>)[] = [
      (response) => response.text(),
      (response) => response.arrayBuffer(),
      (response) => response.blob(),
      (response) => response.clone().text(),
      async (response) => {
        for await (const chunk of response.body!) chunk.fill(0); // the chunk belongs to the reader
      },
    ];
    const bodies: (() => BodyInit)[] = [
      () => bytes,
      // Of a Buffer, `slice` is no copy.
      () => new ReadableStream({ start: (body) => (body.enqueue(Buffer.from(bytes)), body.close()) }),
    ];
    for (const [way, body] of ways.flatMap((way) => bodies.map((body) => [way, body] as const))) {
      const { fetch, state } = service();
      state.respond = () => new Response(body());
      await way(await fetch(url));
      await stored();
      state.respond = refuse;
      expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(bytes);
    }
  });

  test('stores an empty body', async () => {
    for (const body of ['', null]) {
      const { read, state } = service();
      state.respond = () => new Response(body);
      await read(url);
      state.respond = refuse;
      expect(await read(url)).toBe('');
    }
  });

  test('stores a body of 1 MiB, and passes on and reports a larger one', async () => {
    for (const [size, types] of [
      [1_048_576, []],
      [1_048_577, ['stale-if-error.unrecorded']],
    ] as const) {
      for (const announced of [false, true]) {
        const { read, state, own } = service();
        state.respond = withHeaders(announced ? { 'content-length': String(size) } : {});
        state.respond = () =>
          new Response('x'.repeat(size), { headers: announced ? { 'content-length': String(size) } : {} });
        expect((await read(url)).length).toBe(size);
        await vi.waitFor(() => expect(own().map(({ type }) => type)).toEqual(types));
      }
    }
  });

  test('stores no body with more bytes than its Content-Length', async () => {
    expect(await isStored({ 'content-length': '3' })).toBe(false);
    expect(await isStored({ 'content-length': '4' })).toBe(true);
    expect(await isStored({ 'content-length': '5', 'content-encoding': 'gzip' })).toBe(true);
  });

  test('replaces the outcomes for which `when` returns true', async () => {
    const { read, fetch, state } = service({ when: ({ response }) => response?.status === 404 });
    await read(url);
    state.respond = respondWith(404);
    expect(await read(url)).toBe('good');
    state.respond = respondWith(500);
    expect((await fetch(url)).status).toBe(500);
  });

  test('takes options from the call, and does nothing with staleIfError: false', async () => {
    const { read, fetch, state } = service();
    await read(url, { staleIfError: false });
    state.respond = respondWith();
    expect((await fetch(url)).status).toBe(503);
    state.respond = () => new Response('good');
    await read(url, { staleIfError: { ttl: 1_000 } });
    state.respond = respondWith();
    expect((await fetch(url, { staleIfError: false })).status).toBe(503);
    expect((await fetch(url)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await fetch(url)).status).toBe(503);
  });

  test('rejects with the caller’s own reason after an abort', async () => {
    const { read, fetch, state } = service();
    await read(url);
    const caller = new AbortController();
    state.respond = () => {
      caller.abort('enough');
      return respondWith()();
    };
    expect(await reasonOf(fetch(url, { signal: caller.signal }))).toBe('enough');
  });

  test.each<[string, unknown]>([
    ['staleIfError ttl', { ttl: 0 }],
    ['staleIfError ttl', { ttl: '1h' }],
    ['staleIfError key', { key: 'url' }],
    ['staleIfError when', { when: true }],
    ['staleIfError has no option maxAge', { maxAge: 1 }],
    ['staleIfError must be', 5],
  ])('throws INVALID_OPTION that names %s for %j', (name, options) => {
    expect(() => staleIfError(options as StaleIfErrorOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) as string }),
    );
  });
});

describe('staleIfError with a failing storage', () => {
  const broken = (): Storage => {
    const no = (): Promise<never> => Promise.reject(new StorageError('The disk is full'));
    return { get: no, set: no, delete: no, close: no };
  };

  test('reports the failure, and the call goes on', async () => {
    const { read, fetch, state, own } = service({}, broken());
    expect(await read(url)).toBe('good');
    state.respond = refuse;
    expect(await reasonOf(fetch(url))).toBe(down);
    state.respond = respondWith(404);
    expect(await read(url)).toBe('status 404');
    const unrecorded = { type: 'stale-if-error.unrecorded', error: { code: 'STORAGE' } };
    expect(own()).toMatchObject([unrecorded, unrecorded, unrecorded]);
  });

  test.each([
    '{',
    'hello',
    'null',
    '5',
    '{"at":1}',
    '{"__proto__":{"at":1,"response":"x"}}',
    '{"at":1,"response":"{}"}',
  ])('reports the entry %s, which it did not write, as a StorageError', async (value) => {
    const storage = memory();
    const { read, fetch, state, own } = service({
      storage: { ...storage, get: async () => ({ value, version: 1 }) },
    });
    await read(url);
    state.respond = respondWith();
    expect((await fetch(url)).status).toBe(503);
    expect(own()).toMatchObject([{ type: 'stale-if-error.unrecorded', error: { code: 'STORAGE' } }]);
  });

  test('delays no reader while a write hangs', async () => {
    const { fetch } = service({ storage: { ...memory(), set: () => new Promise(() => {}) } });
    for (let n = 0; n < 3; n += 1) expect(await (await fetch(url)).text()).toBe('good');
  });
});

describe('staleIfError in a handler', () => {
  test('stores no private response and no Set-Cookie, and serves a public response when the handler fails', async () => {
    let respond: () => Response = () => new Response('');
    const handle = createHandler({ use: [staleIfError()] }, () => respond());
    const call = async (headers: Record<string, string> = {}): Promise<Response> => {
      const response = await handle(new Request(url, { headers }));
      const copy = new Response(await response.clone().text(), response);
      await response.text();
      await stored();
      return copy;
    };
    for (const [headers, request, isServed] of [
      [{}, {}, true],
      [{ 'cache-control': 'private' }, {}, false],
      [{ 'set-cookie': 'a=b' }, {}, false],
      [{}, { authorization: 'Bearer a' }, false],
      [{ 'cache-control': 'public' }, { authorization: 'Bearer a' }, true],
    ] as const) {
      respond = withHeaders(headers);
      await call(request);
      respond = () => {
        throw new Error('broken');
      };
      const outcome = await outcomeOf(call(request));
      expect([headers, outcome instanceof Response]).toEqual([headers, isServed]);
    }
  });
});

describe('staleIfError on a real server', () => {
  let server: FaultServer;
  /** A page without `no-store`, which the server sends by default. */
  const page = (n: number): string => server.url(`/ok?n=${n}&headers={"cache-control":"private"}`);
  let folder: string;
  beforeAll(async () => {
    server = await faultServer();
    folder = mkdtempSync(join(tmpdir(), 'kyoa-stale-'));
  });
  beforeEach(() => {
    vi.useRealTimers();
    server.reset();
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const use = [
    fallback(() => 'nothing'),
    staleIfError(),
    timeout({ total: 500 }),
    retry({ retries: 1, backoff: constant(1) }),
  ];

  test('serves the last good response during an outage of any kind, after a restart too', async () => {
    const path = join(folder, 'responses.db');
    const before = file(path);
    const good = await createFetch({ use, storage: before })(page(1));
    const text = await good.text();
    await vi.waitFor(async () => {
      server.outage = 503;
      const again = await createFetch({ use, storage: before })(page(1));
      expect(await again.text()).toBe(text);
    });
    await before.close();

    const after = file(path);
    const fetch = createFetch({ use, storage: after });
    for (const outage of ['reset', 'fin', 'hang', 500] as const) {
      server.outage = outage;
      server.reset();
      server.outage = outage;
      const response = await fetch(page(1));
      expect([response.status, response.headers.get('warning')]).toEqual([200, warning]);
      expect(decodeURI(response.url)).toBe(page(1));
      expect(await response.text()).toBe(text);
      expect(server.count()).toBeGreaterThan(0);
      expect(await (await fetch(page(2))).json()).toBe('nothing');
    }
    server.outage = false;
    await expectQuiet(server);
    await after.close();
  });

  test('passes on the first bytes of a body before the last arrive', async () => {
    let finish: () => void = () => {};
    await using slow = await origin(({ response }) => {
      response.write('first ');
      finish = () => response.end('last');
    });
    const storage = memory();
    const fetch = createFetch({ use: [staleIfError()], storage });
    const reader = (await fetch(slow.url)).body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first ');
    finish();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last');
    expect((await reader.read()).done).toBe(true);
  });

  test('stores no body that breaks off, and stores a compressed body as it was read', async () => {
    let mode: 'whole' | 'cut' | 'down' = 'whole';
    await using flaky = await origin(({ response }) => {
      const body = gzipSync('text '.repeat(1_000));
      const headers = { 'content-encoding': 'gzip', 'content-length': body.byteLength };
      if (mode === 'down') response.writeHead(500).end();
      else if (mode === 'whole') response.writeHead(200, headers).end(body);
      else response.writeHead(200, headers).write(body.subarray(0, 20), () => response.destroy());
    });
    const fetch = createFetch({ use: [staleIfError()] });
    const whole = await (await fetch(flaky.url)).text();
    expect(whole).toBe('text '.repeat(1_000));
    mode = 'cut';
    await reasonOf(fetch(flaky.url).then((response) => response.text()));
    mode = 'down';
    await vi.waitFor(async () => expect(await (await fetch(flaky.url)).text()).toBe(whole));
  });

  test('replaces a timeout inside it, and passes on a timeout outside it', async () => {
    const inside = createFetch({ use: [staleIfError(), timeout(50)] });
    await (await inside(page(1))).text();
    await stored();
    server.outage = 'hang';
    expect((await inside(page(1))).status).toBe(200);
    const outside = inside.extend({ use: (stack) => [timeout(20), ...stack] });
    expect(await reasonOf(outside(page(1)))).toBeInstanceOf(TimeoutError);
    server.outage = false;
  });
});
