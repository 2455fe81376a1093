import kyoa, {
  constant,
  createFetch,
  dedupe,
  HTTPError,
  idempotency,
  memory,
  observe,
  retry,
  timeout,
  type KyoaEvent,
  type ResponsePromise,
  type Storage,
} from 'kyoa';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { faultServer, type FaultServer } from '../../support/faults.ts';
import { origin, settled } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { exitsByItself, expectQuiet } from '../../support/sockets.ts';
import { order, replayed, uuid } from './order.ts';

describe('idempotency on a real server', () => {
  let server: FaultServer;
  let storage: Storage;
  beforeAll(async () => {
    server = await faultServer();
  });
  beforeEach(() => {
    storage = memory();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  const stack = (): { fetch: ReturnType<typeof createFetch>; events: KyoaEvent[] } => {
    const events: KyoaEvent[] = [];
    const use = [
      observe((event) => events.push(event)),
      timeout(5_000),
      dedupe(),
      idempotency({ storage }),
      retry({ backoff: constant(5) }),
      timeout({ headers: 1_000 }),
    ];
    return { fetch: createFetch({ use }), events };
  };
  const seenKeys = (): (string | undefined)[] => server.requests.map(({ headers }) => headers['idempotency-key']);

  test('lets retry send an unsafe request again only with a key, which is the same for all attempts from the first on', async () => {
    const { fetch } = stack();
    const work = server.url('/work?then=reset,503,ok&id=keyed');
    expect((await fetch(work, order)).status).toBe(200);
    const keys = seenKeys();
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(uuid);
    expect(new Set(keys).size).toBe(1);
    expect(server.requests.map(({ body }) => body.toString())).toEqual(Array(3).fill('one ticket'));

    server.reset();
    const bare = server.url('/work?then=reset,ok&id=bare');
    await expect(fetch(bare, { ...order, idempotency: false })).rejects.toThrow('fetch failed');
    expect(seenKeys()).toEqual([undefined]);
  });

  test('sends nothing for a repeat, even from another client, and the same key with each attempt of a call', async () => {
    const work = server.url('/work?then=503,ok&id=42');
    const [one, two] = [stack(), stack()];
    const first = await (await one.fetch(work, { ...order, requestId: 'order-42' })).text();
    expect(seenKeys()).toEqual(['order-42', 'order-42']);
    for (const { fetch } of [one, two]) {
      const again = await fetch(work, { ...order, requestId: 'order-42' });
      expect(again.url).toBe(work);
      expect(replayed(again)).toBe('true');
      expect(await again.text()).toBe(first);
    }
    expect(server.requests).toHaveLength(2);
  });

  test('replays the responses of the client for a requestId, errors of the server included', async () => {
    const api = kyoa.create({ storage, baseUrl: server.origin });
    const post = (path: string, requestId: string): ResponsePromise<{ body: string }> =>
      api.post(path, { json: { item: 'a ticket' }, requestId });
    for (let n = 0; n < 2; n += 1) {
      expect((await post('/work?id=client', 'order-1').json()).body).toBe('{"item":"a ticket"}');
      const refused = await reasonOf(post('/ok?status=404&id=client', 'order-2'));
      expect(refused).toBeInstanceOf(HTTPError);
      expect((refused as HTTPError).response.headers.get('idempotency-replayed')).toBe(n === 0 ? null : 'true');
    }
    expect(seenKeys()).toEqual(['order-1', 'order-2']);
    await api.post('/ok', { json: {} });
    expect(seenKeys().at(-1)).toBeUndefined();
  });

  test('replays a body byte by byte, with every header and cookie', async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xef, 0xbb, 0xbf]),
      Buffer.from(Uint8Array.from({ length: 256 }, (_, n) => n)),
    ]);
    await using far = await origin(({ response }) => {
      response.writeHead(201, 'Made', {
        'set-cookie': ['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2'],
        'content-encoding': 'gzip',
        'content-type': 'application/octet-stream',
      });
      response.end(gzipSync(bytes));
    });
    const { fetch } = stack();
    const heads: unknown[] = [];
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(far.url, { ...order, requestId: 'k' });
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
      expect(response.headers.getSetCookie()).toEqual(['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2']);
      heads.push([response.status, response.statusText, response.headers.get('content-type')]);
    }
    expect(heads[1]).toEqual(heads[0]);
    expect(far.exchanges).toHaveLength(1);
  });

  test('passes on a body above 1 MiB as it arrives, unrecorded, and cancels it with its reader', async () => {
    const { fetch, events } = stack();
    const unrecorded = (): number => events.filter(({ type }) => type === 'idempotency.unrecorded').length;
    const megabyte = 1024 * 1024;
    for (const size of [megabyte, megabyte + 1]) {
      const response = await fetch(server.url(`/ok?size=${size}`), { ...order, requestId: `of ${size}` });
      expect((await response.arrayBuffer()).byteLength).toBe(size);
    }
    expect(unrecorded()).toBe(1);
    const repeat = (size: number): Promise<Response> =>
      fetch(server.url(`/ok?size=${size}`), { ...order, requestId: `of ${size}` });
    expect((await (await repeat(megabyte)).arrayBuffer()).byteLength).toBe(megabyte);
    await expect(repeat(megabyte + 1)).rejects.toMatchObject({ code: 'IDEMPOTENCY_UNRECORDED', key: 'of 1048577' });
    expect(server.requests).toHaveLength(2);

    // The response is chunked, so its length is unknown.
    const endless = await fetch(server.url('/endless?status=200&bytes=65536&gap=0'), {
      ...order,
      requestId: 'endless',
    });
    const reader = endless.body!.getReader();
    for (let read = 0; read < 2 * megabyte;) read += (await reader.read()).value!.byteLength;
    await reader.cancel();
    await server.until(({ aborted }) => aborted.length === 1);
    expect(unrecorded()).toBe(2);
  });

  test('passes on an event stream as it arrives, unrecorded, and sends nothing for a repeat', async () => {
    const { fetch, events } = stack();
    const stream = server.url('/sse?events=1&then=stall');
    const response = await fetch(stream, { ...order, requestId: 'k' });
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('heartbeat');
    await reader.cancel();
    await server.until(({ aborted }) => aborted.length === 1);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(1);
    await expect(fetch(stream, { ...order, requestId: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_UNRECORDED',
      message: expect.stringContaining('idempotency key k was executed, and its response was not stored'),
    });
    expect(server.requests).toHaveLength(1);
  });

  test('stores nothing of a body that breaks off, and a repeat sends the same key', async () => {
    const { fetch, events } = stack();
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(server.url('/fin/amid-body'), { ...order, requestId: 'k' });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow('terminated');
    }
    expect(seenKeys()).toEqual(['k', 'k']);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(2);
  });

  test('aborts the request and frees the key when the caller aborts before the response', async () => {
    const { fetch } = stack();
    const leaving = new AbortController();
    const left = reasonOf(fetch(server.url('/blackhole'), { ...order, requestId: 'k', signal: leaving.signal }));
    await server.until(({ busy }) => busy.length === 1);
    leaving.abort('bye');
    expect(await left).toBe('bye');
    await server.until(({ aborted }) => aborted.length === 1);
    const again = fetch(server.url('/blackhole'), {
      ...order,
      requestId: 'k',
      idempotency: { conflict: 'throw' },
      signal: AbortSignal.timeout(10_000),
      timeout: { headers: 100 },
      retry: false,
    });
    await expect(again).rejects.toMatchObject({ code: 'TIMEOUT' }); // and not a conflict
    expect(seenKeys()).toEqual(['k', 'k']);
  });

  test('frees the key when the caller aborts during the body', async () => {
    const { fetch } = stack();
    const leaving = new AbortController();
    const url = server.url('/stall/body');
    const left = reasonOf(fetch(url, { ...order, requestId: 'k', signal: leaving.signal }));
    await server.until(({ requests }) => requests[0]?.headSent === true);
    await settled();
    leaving.abort('bye');
    expect(await left).toBe('bye');
    await server.until(({ aborted }) => aborted.length === 1);
    await vi.waitUntil(async () => (await storage.get(`idempotency ["${server.origin}","k"]`)) === undefined);
  });
});

describe('idempotency', () => {
  test('lets the process exit after a call, a repeat, a failure and an abort', async () => {
    const exit = await exitsByItself(`
      import { createServer } from 'node:http';
      import { createFetch, idempotency, memory } from './src/index.ts';
      const server = createServer((request, response) => {
        if (request.url === '/work') response.end('done');
        else if (request.url === '/cut') request.socket.destroy();
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const origin = 'http://127.0.0.1:' + server.address().port;
      const fetch = createFetch({ use: [idempotency()], storage: memory() });
      const call = (path, init) => fetch(origin + path, { method: 'POST', requestId: path, ...init });
      for (let n = 0; n < 2; n += 1) console.log(await (await call('/work')).text());
      await call('/cut').catch((error) => console.log(error.message));
      await call('/silent', { signal: AbortSignal.timeout(50) }).catch((error) => console.log(error.name));
      server.close();
      server.closeAllConnections();
      console.log('end');
      const ended = performance.now();
      process.on('exit', () => console.log(performance.now() - ended < 3_000 ? 'at once' : 'late'));
    `);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(exit.stdout.split('\n')).toEqual(['done', 'done', 'fetch failed', 'TimeoutError', 'end', 'at once', '']);
  });
});
