/** The limit of each phase, the caller's abort in each phase, and that a call leaves no socket and no listener. */
import { getEventListeners } from 'node:events';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { undici, type UndiciFetch, type UndiciOptions } from '../../../../adapters/transport/undici/undici.ts';
import { TimeoutError, type TimeoutPhase } from '../../../../src/core/errors.ts';
import { createFetch, standard } from '../../../../src/index.ts';
import { faultServer, type FaultServer } from '../../../support/faults.ts';
import { origin } from '../../../support/origin.ts';
import { gcUntil } from '../../../support/sockets.ts';

let server: FaultServer;
let transport: UndiciFetch;
beforeEach(async () => {
  server = await faultServer();
});
afterEach(async () => {
  await transport.destroy();
  await server.close();
});

const large = (): RequestInit => ({ method: 'POST', body: new Uint8Array(8 * 1024 * 1024) });
const read = async (url: string, init?: RequestInit): Promise<string> => (await transport(url, init)).text();

describe('a limit that expires is a TimeoutError that names the phase', () => {
  const limits: readonly [TimeoutPhase, UndiciOptions, (server: FaultServer) => string, (() => RequestInit)?][] = [
    ['connect', { connect: 60 }, ({ tlsStall }) => tlsStall],
    ['write', { write: 60 }, ({ origin }) => `${origin}/stall/upload`, large],
    ['headers', { headers: 60 }, ({ origin }) => `${origin}/blackhole`],
    ['headers', { headers: 60 }, ({ origin }) => `${origin}/stall/headers`],
    ['idle', { body: 60 }, ({ origin }) => `${origin}/stall/body`],
    ['idle', { body: 60 }, ({ origin }) => `${origin}/stall/body?bytes=0`],
  ];

  test.each(limits)('%s %o', async (phase, options, where, init = () => ({})) => {
    transport = undici(options);
    const url = where(server);
    const error = await read(url, init()).then(String, (error: unknown) => error);

    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ phase, limit: 60 });
    expect((error as TimeoutError).elapsed).toBeGreaterThanOrEqual(59);
    expect((error as TimeoutError).request?.url).toBe(new URL(url).href);
    await server.until(({ open, handshakes }) => open + handshakes === 0);
  });

  test('for a caller that reads the body as a stream, too', async () => {
    transport = undici({ body: 60 });
    const { body } = await transport(server.url('/stall/body'));
    const reader = body!.getReader();
    await reader.read();
    await expect(reader.read()).rejects.toMatchObject({ name: 'TimeoutError', phase: 'idle' });
  });

  test('but a server that sends slowly does not exceed the limit of its silence', async () => {
    transport = undici({ body: 200, headers: 200 });
    expect(await read(server.url('/drip/body?chunks=12&gap=30'))).toHaveLength(120);
  });

  test('but the time that a slow reader takes does not count', async () => {
    transport = undici({ body: 40 });
    const response = await transport(server.url('/ok?size=300000'));
    await server.until(({ open }) => open === 1);
    await new Promise((resolve) => setTimeout(resolve, 80)); // twice the limit: no event could replace this wait
    expect(await response.text()).toHaveLength(300_000);
  });

  test('and each origin may have its own limits', async () => {
    transport = undici({ headers: 60, origins: { [server.origin]: { headers: 5_000 } } });
    expect(await read(server.url('/ok?delay=120&size=2'))).toBe('ky');
  });
});

describe('an abort rejects with exactly the reason of the caller, and ends the connection', () => {
  const reason = { its: 'own' };
  const phases: readonly [string, (server: FaultServer) => string, (() => RequestInit)?][] = [
    ['while connecting', ({ tlsStall }) => tlsStall],
    ['while writing', ({ origin }) => `${origin}/stall/upload`, large],
    ['while waiting for the headers', ({ origin }) => `${origin}/blackhole`],
    ['in the middle of the headers', ({ origin }) => `${origin}/stall/headers`],
    ['while reading the body', ({ origin }) => `${origin}/stall/body`],
    ['while reading a body without an end', ({ origin }) => `${origin}/endless`],
  ];

  test.each(phases)('%s', async (_, where, init = () => ({})) => {
    transport = undici();
    const controller = new AbortController();
    const text = read(where(server), { ...init(), signal: controller.signal });
    await server.until(
      ({ requests, handshakes }) => handshakes > 0 || requests.some(({ state }) => state !== 'receiving'),
    );
    controller.abort(reason);

    await expect(text).rejects.toBe(reason);
    await server.until(({ open, handshakes }) => open + handshakes === 0);
  });

  test('before the call', async () => {
    transport = undici();
    await expect(transport(server.url('/ok'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.connections).toBe(0);
  });

  test('while queued, and the request leaves the queue at once', async () => {
    transport = undici({ connections: 1 });
    const first = new AbortController();
    const holding = transport(server.url('/blackhole'), { signal: first.signal });
    const waiting = new AbortController();
    const queued = transport(server.url('/ok'), { signal: waiting.signal });
    await server.until(({ busy }) => busy.length === 1);
    expect(transport.stats()[server.origin]).toMatchObject({ running: 1, queued: 1 });
    waiting.abort(reason);
    await expect(queued).rejects.toBe(reason);
    expect(transport.stats()[server.origin]).toMatchObject({ running: 1, queued: 0 });
    first.abort(reason);
    await expect(holding).rejects.toBe(reason);
    expect(await read(server.url('/ok?size=2'))).toBe('ky');
    expect(server.count('/ok')).toBe(1);
  });

  describe('after the body has arrived, if it is read after that:', () => {
    const reads: Readonly<Record<string, (response: Response) => Promise<unknown>>> = {
      'text()': (response) => response.text(),
      'json()': (response) => response.json(),
      'the stream': (response) => response.body!.getReader().read(),
      'a clone': (response) => response.clone().text(),
      'createFetch()': (response) => response.text(),
    };
    test.for(Object.keys(reads))('%s', async (name) => {
      transport = undici();
      const fetch = name === 'createFetch()' ? createFetch({ use: standard(), fetch: transport }) : transport;
      const controller = new AbortController();
      const response = await fetch(server.url('/ok'), { signal: controller.signal });
      await vi.waitUntil(() => transport.stats()[server.origin]!.running === 0);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      controller.abort(reason);
      await expect(reads[name]!(response)).rejects.toBe(reason);
    });

    test('the rest of a stream', async () => {
      transport = undici();
      const controller = new AbortController();
      const { body } = await transport(server.url('/drip/body?chunks=2&gap=10'), { signal: controller.signal });
      const reader = body!.getReader();
      await reader.read();
      await vi.waitUntil(() => transport.stats()[server.origin]!.running === 0);
      controller.abort(reason);
      await expect(reader.read()).rejects.toBe(reason);
    });

    test('but not once it was read', async () => {
      transport = undici();
      const controller = new AbortController();
      const response = await transport(server.url('/ok?size=4'), { signal: controller.signal });
      const text = response.text();
      await vi.waitUntil(() => transport.stats()[server.origin]!.running === 0);
      controller.abort(reason);
      expect(await text).toBe('kyoa');
    });
  });

  describe('and cancels the stream that is the body of the request:', () => {
    const phases: Readonly<Record<string, (controller: AbortController, bytes?: number) => Promise<unknown>>> = {
      'before the call': async (controller) => controller.abort(reason),
      'before its first chunk': () => new Promise((resolve) => setImmediate(resolve)),
      'while it is sent': () => server.until(({ last }) => last?.body.length === 10),
    };
    test.for(
      Object.keys(phases).flatMap((phase) => [
        [phase, 'init'],
        [phase, 'Request'],
      ]),
    )('%s, of the %s', async ([phase, shape]) => {
      transport = undici();
      const controller = new AbortController();
      let cancelled: unknown;
      const body = new ReadableStream({
        start: (stream) => (phase === 'before its first chunk' ? undefined : stream.enqueue(new Uint8Array(10))),
        cancel: (reason) => void (cancelled = reason),
      });
      const init = { method: 'POST', body, duplex: 'half' };
      const request = shape === 'Request' ? new Request(server.url('/ok'), init) : undefined;
      if (phase === 'before the call') controller.abort(reason);
      const { signal } = controller;
      const response = request ? transport(request, { signal }) : transport(server.url('/ok'), { ...init, signal });
      response.catch(() => undefined);
      await phases[phase!]!(controller);
      controller.abort(reason);
      await expect(response).rejects.toBe(reason);
      await server.until(({ open }) => open === 0);
      expect(cancelled).toBe(reason);
      expect(request?.bodyUsed ?? true).toBe(true);
    });
  });

  test('1,000 calls with one signal leave no listener on it', async () => {
    transport = undici();
    const { signal } = new AbortController();
    const lane = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1) {
        await (await transport(server.url('/ok?size=10'), { signal })).text();
        await transport(server.url('/status/204?size=0'), { signal });
        await transport(server.refused, { signal }).catch(() => undefined);
        await (await transport(server.url('/ok?size=10'), { signal })).body!.cancel();
      }
    };
    await Promise.all(Array.from({ length: 25 }, lane));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

test('a response that is collected unread releases its connection', async () => {
  transport = undici();
  const drop = async (): Promise<void> => void (await transport(server.url('/endless?gap=0&bytes=10000')));
  await drop();
  await gcUntil(() => transport.stats()[server.origin]!.running === 0);
  await server.until(({ open }) => open === 0);
});

test('a redirect whose body does not end loses its connection, and the call continues', async () => {
  await using slow = await origin(({ request, response }) => {
    if (request.url === '/') response.writeHead(302, { location: '/there' }).write('a beginning');
    else response.end('there');
  });
  transport = undici();
  expect(await read(slow.url)).toBe('there');
  expect(await slow.exchanges[0]!.over).toBe('cut');
});

test('a stream whose response the caller has dropped continues', async () => {
  transport = undici();
  const open = async (): Promise<[ReadableStreamDefaultReader, WeakRef<object>]> => {
    const response = await transport(server.url('/drip/body?chunks=3&gap=30'));
    return [response.body!.getReader(), new WeakRef({})];
  };
  const [reader, canary] = await open();
  await gcUntil(() => canary.deref() === undefined);
  let length = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) length += chunk.value.length;
  expect(length).toBe(30);
});

describe('maxBody', () => {
  const gzipped = gzipSync(Buffer.alloc(50_000_000));
  test.for<[string, Record<string, string>, Buffer]>([
    ['a long body', {}, Buffer.alloc(100_001)],
    ['a body of 49 kB that is decoded to 50 MB', { 'content-encoding': 'gzip' }, gzipped],
  ])('refuses %s', async ([, headers, body]) => {
    await using large = await origin((exchange) => exchange.response.writeHead(200, headers).end(body));
    transport = undici({ maxBody: 100_000 });
    const fetch = createFetch({ use: standard(), fetch: transport });
    const expected = {
      name: 'BodySizeError',
      code: 'BODY_TOO_LARGE',
      limit: 100_000,
      message: `The body of GET ${large.url} has more than 100000 bytes; raise maxBody, or ask for less`,
    };
    for (const own of [transport, fetch]) {
      await expect((await own(large.url)).text()).rejects.toMatchObject(expected);
      await expect((await own(large.url)).body!.pipeTo(new WritableStream())).rejects.toMatchObject(expected);
      await expect(own(large.url, { integrity: 'sha256-AAAA' })).rejects.toMatchObject(expected);
    }
    expect(large.exchanges).toHaveLength(6);
  });

  test('ends the connection of a body that has not arrived', async () => {
    transport = undici({ maxBody: 10_000 });
    await expect(read(server.url('/endless'))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    await server.until(({ open }) => open === 0);
  });

  test('permits a body of exactly that length', async () => {
    transport = undici({ maxBody: 100 });
    expect(await read(server.url('/ok?size=100'))).toHaveLength(100);
    await expect(read(server.url('/ok?size=101'))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
  });

  test('may differ by origin', async () => {
    transport = undici({ maxBody: 10, origins: { [server.origin]: { maxBody: false } } });
    expect(await read(server.url('/ok?size=100'))).toHaveLength(100);
  });
});

test('a body of single bytes starts no timer for each of them', async () => {
  transport = undici();
  const setTimeout = vi.spyOn(globalThis, 'setTimeout');
  try {
    expect(await read(server.url('/drip/body?chunks=1000&size=1&gap=0'))).toHaveLength(1_000);
    expect(setTimeout.mock.calls.length).toBeLessThan(100);
  } finally {
    setTimeout.mockRestore();
  }
});
