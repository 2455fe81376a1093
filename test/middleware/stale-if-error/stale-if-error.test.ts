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
import { origin, settled } from '../../support/origin.ts';
import { expectQuiet } from '../../support/sockets.ts';

const url = 'http://api.example/news';
const day = 86_400_000;
const down = new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) });
const marks = ({ headers }: Response) => [headers.get('age'), headers.get('warning')];
const warning = '111 kyoa "Revalidation Failed"';
const caught = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => expect.unreachable('It resolves'),
    (error: unknown) => error,
  );

/** A service that can be set to answer, or to fail. */
function service(options: StaleIfErrorOptions = {}, storage: Storage = memory()) {
  const events: KyoaEvent[] = [];
  const state = { sent: 0, answer: (): Response | Promise<Response> => new Response('good') };
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), staleIfError(options)],
    storage,
    fetch: async () => {
      state.sent += 1;
      return state.answer();
    },
  });
  /** Reads to the end, and lets what runs after it run. */
  const read = async (...args: Parameters<typeof fetch>): Promise<string> => {
    const text = await (await fetch(...args)).text();
    await stored();
    return text;
  };
  const own = () => events.filter(({ type }) => type.startsWith('stale'));
  return { fetch, read, state, events, own, storage };
}
/** Lets what runs behind an answer run: the only thing that takes other threads is the digest. */
const stored = async (): Promise<void> => {
  for (let n = 0; n < 3; n += 1) {
    await settled();
    await Promise.all(digests);
  }
  await settled();
};
const fail =
  (status = 503) =>
  (): Response =>
    new Response(`status ${status}`, { status });
const refuse = (): Promise<Response> => Promise.reject(down);
const withHeaders = (headers: HeadersInit) => (): Response => new Response('good', { headers });

/** Whether an answer with these headers comes back when the service fails. */
async function isKept(headers: HeadersInit, init: RequestInit = {}, later: RequestInit = init): Promise<boolean> {
  const { read, fetch, state } = service();
  state.answer = withHeaders(headers);
  await read(url, init);
  state.answer = fail();
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
    ['an answer of 500 and above', fail(502), { status: 502 }],
    ['an error', refuse, { error: down }],
  ])('%s is replaced by the last good answer, which says so', async (_name, failure, facts) => {
    const { read, fetch, state, own } = service();
    state.answer = () =>
      new Response('good', { status: 200, statusText: 'Fine', headers: { 'content-type': 'text/x', etag: '"1"' } });
    await read(url);
    state.answer = failure;
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

  test('a good answer is the transport’s own, and is not marked', async () => {
    const { fetch, state, own } = service();
    const answer = new Response('good');
    state.answer = () => answer;
    const response = await fetch(url);
    expect(response).toBe(answer);
    expect(marks(response)).toEqual([null, null]);
    expect(own()).toEqual([]);
  });

  test('the failure stands when there is nothing to replace it', async () => {
    const { fetch, state } = service();
    state.answer = fail();
    expect(await (await fetch(url)).text()).toBe('status 503');
    state.answer = refuse;
    expect(await caught(fetch(url))).toBe(down);
  });

  test.each([408, 429, 301, 304])('a %i is no failure, and what was kept is kept on', async (status) => {
    const { read, fetch, state } = service();
    await read(url);
    state.answer = () => new Response(null, { status });
    expect((await fetch(url)).status).toBe(status);
    await stored();
    state.answer = refuse;
    expect(await read(url)).toBe('good');
  });

  test.each([404, 410, 401, 403])('a %i is no failure, and takes what was kept with it', async (status) => {
    const { read, fetch, state } = service();
    await read(url);
    state.answer = fail(status);
    expect((await fetch(url)).status).toBe(status);
    await stored();
    state.answer = fail(500);
    expect((await fetch(url)).status).toBe(500);
  });

  test('the last good answer counts, and one that may not be kept takes the place of the one before', async () => {
    const { read, fetch, state } = service();
    await read(url);
    state.answer = () => new Response('better');
    await read(url);
    state.answer = fail();
    expect(await read(url)).toBe('better');
    state.answer = withHeaders({ 'cache-control': 'no-store' });
    await read(url);
    state.answer = fail();
    expect((await fetch(url)).status).toBe(503);
  });

  test('an answer is gone after its ttl, to the millisecond', async () => {
    for (const [ttl, options] of [
      [day, {}],
      [5_000, { ttl: 5_000 }],
    ] as const) {
      const { read, fetch, state } = service(options);
      await read(url);
      state.answer = fail();
      await vi.advanceTimersByTimeAsync(ttl - 1);
      expect((await fetch(url)).status).toBe(200);
      await vi.advanceTimersByTimeAsync(1);
      expect((await fetch(url)).status).toBe(503);
    }
  });

  test('stale-if-error of the response limits it to so many seconds beyond its freshness', async () => {
    const { read, fetch, state } = service();
    state.answer = withHeaders({ 'cache-control': 'max-age=30, stale-if-error=60' });
    await read(url);
    state.answer = fail();
    await vi.advanceTimersByTimeAsync(89_999);
    expect((await fetch(url)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(1);
    expect((await fetch(url)).status).toBe(503);
  });

  test('so does that of the request', async () => {
    const { read, fetch, state } = service();
    state.answer = withHeaders({ 'cache-control': 'max-age=30' });
    await read(url);
    state.answer = fail();
    await vi.advanceTimersByTimeAsync(60_000);
    const ask = async (control: string): Promise<number> =>
      (await fetch(url, { headers: { 'cache-control': control } })).status;
    expect(await ask('stale-if-error=30')).toBe(200);
    expect(await ask('stale-if-error=29')).toBe(503);
    expect(await ask('no-cache')).toBe(503);
  });

  test('Age counts from what a cache on the way said', async () => {
    const { read, fetch, state } = service();
    state.answer = withHeaders({ age: '100', warning: '199 other "x"' });
    await read(url);
    state.answer = fail();
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
  ])('what a response with Cache-Control: %s says is respected: %s', async (control, kept) => {
    expect(await isKept({ 'cache-control': control })).toBe(kept);
  });

  test('nor is kept what varies by anything, or is a stream of events', async () => {
    expect(await isKept({ vary: '*' })).toBe(false);
    expect(await isKept({ 'content-type': 'text/event-stream; charset=utf-8' })).toBe(false);
    expect(await isKept({ vary: 'accept-language' })).toBe(true);
  });

  test('nor what the request forbids: no-store, a range', async () => {
    expect(await isKept({}, { cache: 'no-store' }, {})).toBe(false);
    expect(await isKept({}, { headers: { 'cache-control': 'no-store' } }, {})).toBe(false);
    expect(await isKept({}, {}, { headers: { 'cache-control': 'no-store' } })).toBe(false);
    expect(await isKept({}, { headers: { range: 'bytes=0-9' } })).toBe(false);
  });

  test.each(['HEAD', 'POST', 'PUT', 'DELETE'])('%s passes', async (method) => {
    expect(await isKept({}, { method }, { method })).toBe(false);
    expect(await isKept({}, {}, { method })).toBe(false);
  });

  test.each([201, 202, 204, 206])('a %i is not kept', async (status) => {
    const { read, fetch, state } = service();
    state.answer = () => new Response(status === 204 ? null : 'partly', { status });
    await read(url);
    state.answer = fail();
    expect((await fetch(url)).status).toBe(503);
  });

  test('answers of different users never meet', async () => {
    const { read, fetch, state } = service();
    const users = ['authorization', 'cookie', 'x-api-key'].flatMap((name) => [{ [name]: 'a' }, { [name]: 'b' }]);
    for (const [n, headers] of users.entries()) {
      state.answer = () => new Response(`of user ${n}`);
      await read(url, { headers });
    }
    state.answer = fail();
    for (const [n, headers] of users.entries()) expect(await read(url, { headers })).toBe(`of user ${n}`);
    expect((await fetch(url, { headers: { authorization: 'c' } })).status).toBe(503);
    expect((await fetch(url)).status).toBe(503);
  });

  test('no credential is to be seen in the storage', async () => {
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
    state.answer = withHeaders([['set-cookie', 'session=secret']]);
    await read(url, { headers: { authorization: 'Bearer secret', 'x-api-key': 'secret' } });
    expect(written).toHaveLength(2);
    expect(written.join()).not.toContain('secret');
  });

  test('a requestId does not set a call apart, a key of one’s own does as it likes', async () => {
    const { read, state } = service();
    await read(url, { requestId: 'one' });
    state.answer = fail();
    expect(await read(url, { requestId: 'two' })).toBe('good');

    const keyed = service({ key: ({ request }) => (request.url.includes('private') ? undefined : 'one for all') });
    await keyed.read(url);
    keyed.state.answer = fail();
    expect(await keyed.read('http://api.example/other')).toBe('good');
    expect((await keyed.fetch('http://api.example/private')).status).toBe(503);
  });

  test('what nobody reads to its end is not kept', async () => {
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
      state.answer = () => new Response(new Blob(['x'.repeat(200_000)]).stream());
      await leave(await fetch(url));
      await stored();
      state.answer = fail();
      expect((await fetch(url)).status).toBe(503);
    }
  });

  test('it is kept whichever way it is read, and byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256);
    const ways: ((response: Response) => Promise<unknown>)[] = [
      (response) => response.text(),
      (response) => response.arrayBuffer(),
      (response) => response.blob(),
      (response) => response.clone().text(),
      async (response) => {
        for await (const chunk of response.body!) chunk.fill(0); // its own
      },
    ];
    for (const way of ways) {
      const { fetch, state } = service();
      state.answer = () => new Response(bytes);
      await way(await fetch(url));
      await stored();
      state.answer = refuse;
      expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(bytes);
    }
  });

  test('an empty body is kept, too', async () => {
    for (const body of ['', null]) {
      const { read, state } = service();
      state.answer = () => new Response(body);
      await read(url);
      state.answer = refuse;
      expect(await read(url)).toBe('');
    }
  });

  test('1 MiB is kept, more is handed over and reported', async () => {
    for (const [size, types] of [
      [1_048_576, []],
      [1_048_577, ['stale-if-error.unrecorded']],
    ] as const) {
      for (const announced of [false, true]) {
        const { read, state, own } = service();
        state.answer = withHeaders(announced ? { 'content-length': String(size) } : {});
        state.answer = () =>
          new Response('x'.repeat(size), { headers: announced ? { 'content-length': String(size) } : {} });
        expect((await read(url)).length).toBe(size);
        await vi.waitFor(() => expect(own().map(({ type }) => type)).toEqual(types));
      }
    }
  });

  test('fewer bytes than announced are not kept', async () => {
    expect(await isKept({ 'content-length': '5' })).toBe(false);
    expect(await isKept({ 'content-length': '4' })).toBe(true);
    expect(await isKept({ 'content-length': '5', 'content-encoding': 'gzip' })).toBe(true);
  });

  test('when judges in place of the default', async () => {
    const { read, fetch, state } = service({ when: ({ response }) => response?.status === 404 });
    await read(url);
    state.answer = fail(404);
    expect(await read(url)).toBe('good');
    state.answer = fail(500);
    expect((await fetch(url)).status).toBe(500);
  });

  test('per call: off, or with options of its own', async () => {
    const { read, fetch, state } = service();
    await read(url, { staleIfError: false });
    state.answer = fail();
    expect((await fetch(url)).status).toBe(503);
    state.answer = () => new Response('good');
    await read(url, { staleIfError: { ttl: 1_000 } });
    state.answer = fail();
    expect((await fetch(url, { staleIfError: false })).status).toBe(503);
    expect((await fetch(url)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await fetch(url)).status).toBe(503);
  });

  test('a caller who aborted gets the reason of the abort', async () => {
    const { read, fetch, state } = service();
    await read(url);
    const caller = new AbortController();
    state.answer = () => {
      caller.abort('enough');
      return fail()();
    };
    expect(await caught(fetch(url, { signal: caller.signal }))).toBe('enough');
  });

  test.each<[string, unknown]>([
    ['staleIfError ttl', { ttl: 0 }],
    ['staleIfError ttl', { ttl: '1h' }],
    ['staleIfError key', { key: 'url' }],
    ['staleIfError when', { when: true }],
    ['staleIfError has no option maxAge', { maxAge: 1 }],
    ['staleIfError must be', 5],
  ])('INVALID_OPTION names %s: %j', (name, options) => {
    expect(() => staleIfError(options as StaleIfErrorOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) as string }),
    );
  });
});

describe('a storage that fails', () => {
  const broken = (): Storage => {
    const no = (): Promise<never> => Promise.reject(new StorageError('The disk is full'));
    return { get: no, set: no, delete: no, close: no };
  };

  test('is reported, and changes nothing for the call', async () => {
    const { read, fetch, state, own } = service({}, broken());
    expect(await read(url)).toBe('good');
    state.answer = refuse;
    expect(await caught(fetch(url))).toBe(down);
    state.answer = fail(404);
    expect(await read(url)).toBe('status 404');
    const unrecorded = { type: 'stale-if-error.unrecorded', error: { code: 'STORAGE' } };
    expect(own()).toMatchObject([unrecorded, unrecorded, unrecorded]);
  });

  test('or holds something else, is as good as empty', async () => {
    const storage = memory();
    const { read, fetch, state, own } = service({
      storage: { ...storage, get: async () => ({ value: '{', version: 1 }) },
    });
    await read(url);
    state.answer = fail();
    expect((await fetch(url)).status).toBe(503);
    expect(own()).toMatchObject([{ type: 'stale-if-error.unrecorded', error: { name: 'SyntaxError' } }]);
  });

  test('or never answers a write, delays no reader', async () => {
    const { fetch } = service({ storage: { ...memory(), set: () => new Promise(() => {}) } });
    for (let n = 0; n < 3; n += 1) expect(await (await fetch(url)).text()).toBe('good');
  });
});

describe('in a handler', () => {
  test('nothing private is kept, nor a Set-Cookie; what is public is served when the handler fails', async () => {
    let answer: () => Response = () => new Response('');
    const handle = createHandler({ use: [staleIfError()] }, () => answer());
    const ask = async (headers: Record<string, string> = {}): Promise<Response> => {
      const response = await handle(new Request(url, { headers }));
      const copy = new Response(await response.clone().text(), response);
      await response.text();
      await stored();
      return copy;
    };
    for (const [headers, request, kept] of [
      [{}, {}, true],
      [{ 'cache-control': 'private' }, {}, false],
      [{ 'set-cookie': 'a=b' }, {}, false],
      [{}, { authorization: 'Bearer a' }, false],
      [{ 'cache-control': 'public' }, { authorization: 'Bearer a' }, true],
    ] as const) {
      answer = withHeaders(headers);
      await ask(request);
      answer = () => {
        throw new Error('broken');
      };
      const outcome = await ask(request).catch((error: Error) => error.message);
      expect([headers, outcome instanceof Response]).toEqual([headers, kept]);
    }
  });
});

describe('staleIfError on the wire', () => {
  let server: FaultServer;
  /** Without the `no-store` that the server sends of its own accord. */
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

  test('an outage of any kind shows the last good answer, after a restart, too', async () => {
    const path = join(folder, 'answers.db');
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

  test('the answer is not held up: its first bytes are there before its last', async () => {
    let finish: () => void = () => {};
    await using slow = await origin(({ answer }) => {
      answer.write('first ');
      finish = () => answer.end('last');
    });
    const storage = memory();
    const fetch = createFetch({ use: [staleIfError()], storage });
    const reader = (await fetch(slow.url)).body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first ');
    finish();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last');
    expect((await reader.read()).done).toBe(true);
  });

  test('a body that breaks off is not kept, a compressed one is kept as it was read', async () => {
    let mode: 'whole' | 'cut' | 'down' = 'whole';
    await using flaky = await origin(({ answer }) => {
      const body = gzipSync('text '.repeat(1_000));
      const headers = { 'content-encoding': 'gzip', 'content-length': body.byteLength };
      if (mode === 'down') answer.writeHead(500).end();
      else if (mode === 'whole') answer.writeHead(200, headers).end(body);
      else answer.writeHead(200, headers).write(body.subarray(0, 20), () => answer.destroy());
    });
    const fetch = createFetch({ use: [staleIfError()] });
    const whole = await (await fetch(flaky.url)).text();
    expect(whole).toBe('text '.repeat(1_000));
    mode = 'cut';
    await caught(fetch(flaky.url).then((response) => response.text()));
    mode = 'down';
    await vi.waitFor(async () => expect(await (await fetch(flaky.url)).text()).toBe(whole));
  });

  test('a timeout beneath it is a failure like any other, and one above it is the caller’s', async () => {
    const inside = createFetch({ use: [staleIfError(), timeout(50)] });
    await (await inside(page(1))).text();
    await stored();
    server.outage = 'hang';
    expect((await inside(page(1))).status).toBe(200);
    const outside = inside.extend({ use: (stack) => [timeout(20), ...stack] });
    expect(await caught(outside(page(1)))).toBeInstanceOf(TimeoutError);
    server.outage = false;
  });
});
