/** The limit of each phase, the caller's abort in each phase, and that a call leaves no socket and no listener. */
import { getEventListeners } from 'node:events';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undici, type UndiciFetch, type UndiciOptions } from '../../../../adapters/transport/undici/undici.ts';
import { TimeoutError, type TimeoutPhase } from '../../../../src/core/errors.ts';
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
    const answer = read(where(server), { ...init(), signal: controller.signal });
    await server.until(
      ({ requests, handshakes }) => handshakes > 0 || requests.some(({ state }) => state !== 'receiving'),
    );
    controller.abort(reason);

    await expect(answer).rejects.toBe(reason);
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

  test('while a stream is sent, and the stream is cancelled', async () => {
    transport = undici();
    const controller = new AbortController();
    let cancelled: unknown;
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(new Uint8Array(10)),
      cancel: (reason) => void (cancelled = reason),
    });
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal };
    const answer = transport(server.url('/ok'), init);
    await server.until(({ last }) => last?.body.length === 10);
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await server.until(({ open }) => open === 0);
    expect((cancelled as Error).cause).toBe(reason);
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
  await using slow = await origin(({ request, answer }) => {
    if (request.url === '/') answer.writeHead(302, { location: '/there' }).write('a beginning');
    else answer.end('there');
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
