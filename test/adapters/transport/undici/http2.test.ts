/** kyoa/undici over HTTP/2: every fault of HTTP/1.1, and those that only HTTP/2 has. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undici, type UndiciFetch, type UndiciOptions } from '../../../../adapters/transport/undici/undici.ts';
import type { TimeoutPhase } from '../../../../src/core/errors.ts';
import { breaker, createFetch, retry } from '../../../../src/index.ts';
import { faults, faultServer, http2Faults, outcome, type FaultServer } from '../../../support/faults.ts';
import { exitsByItself } from '../../../support/sockets.ts';
import { http2Differences } from './differences.ts';

let server: FaultServer;
let transport: UndiciFetch;
const open = (options: UndiciOptions = {}): UndiciFetch => (transport = undici({ tls: { ca: server.ca }, ...options }));
beforeEach(async () => {
  server = await faultServer({ http2: true });
  open();
});
afterEach(async () => {
  await transport.destroy();
  await server.close();
});

describe('over HTTP/2 every fault has the outcome that it has over HTTP/1.1, or the one that is listed', () => {
  test.for([...faults, ...http2Faults])('$name', async (fault) => {
    open({ connect: false, headers: false, body: false, write: false });
    const { kind, error, ...response } = await outcome(fault, server, transport);
    const expected = http2Differences[fault.name] ?? { kind: fault.node, cause: fault.cause };

    expect([kind, error]).toEqual([expected.kind, error]);
    expect(response.status ?? 200).toBe(fault.status ?? 200);
    const { code } = ((error as Error | undefined)?.cause ?? {}) as { code?: string };
    // Below TLS a reset may look like a FIN.
    const causes = expected.cause === 'ECONNRESET' ? ['ECONNRESET', 'UND_ERR_SOCKET'] : [expected.cause ?? code];
    expect(causes).toContain(code);
  });
});

const read = async (path: string, init?: RequestInit): Promise<string> =>
  (await transport(server.url(path), init)).text();
const stats = (): ReturnType<UndiciFetch['stats']>[string] => transport.stats()[server.origin]!;

describe('a server that asks for another connection', () => {
  test('does so with each 10th request, and 600 calls succeed', async () => {
    let good = 0;
    const lane = async (): Promise<void> => {
      for (let n = 0; n < 60; n += 1) if ((await read('/goaway?every=10')) !== '') good += 1;
    };
    await Promise.all(Array.from({ length: 10 }, lane));
    expect(good).toBe(600);
    expect(server.connections).toBeGreaterThan(20);
  });

  test('does not end the streams that it has accepted', async () => {
    const slow = read('/drip/body?chunks=10&gap=10');
    await server.until(({ busy }) => busy.length === 1);
    await read('/goaway');
    await read('/ok');
    expect(await slow).toHaveLength(100);
    expect(server.connections).toBe(2);
    await server.until(({ open }) => open === 1);
  });

  test('gets a POST whose stream it has not processed once more on a new connection, with its whole body', async () => {
    await read('/goaway?last=none&times=1', { method: 'POST', body: 'whole' });
    expect(server.requests.map(({ method, body, connection }) => [method, String(body), connection])).toEqual([
      ['POST', 'whole', 1],
      ['POST', 'whole', 2],
    ]);
  });

  test('does not get a stream that was its body a second time', async () => {
    const init = { method: 'POST', body: new Blob(['a', 'b']).stream(), duplex: 'half' };
    await expect(read('/goaway?last=none', init)).rejects.toMatchObject({ message: 'fetch failed' });
    expect(server.count()).toBe(1);
  });

  test('gets a request that it never processes on seven connections', async () => {
    await expect(read('/goaway?last=none')).rejects.toMatchObject({ message: 'fetch failed' });
    expect([server.count(), server.connections]).toEqual([7, 7]);
  });
});

describe('a lost connection', () => {
  test('is replaced by one connection, which carries every request that may be repeated', async () => {
    open({ connections: 1 });
    await read('/ok');
    const calls = Array.from({ length: 40 }, (_, n) => read(`/reset-sequence?steps=hang,ok&id=${n}`));
    await server.until(({ busy }) => busy.length === 40);
    const lost = read('/reset-sequence?steps=reset,ok&id=cut');
    expect(await Promise.all([...calls, lost])).toHaveLength(41);
    expect(server.connections).toBe(2);
  });

  test('does not fail the requests on the connection that replaced it', async () => {
    const slow = read('/drip/body?chunks=10&gap=20');
    await server.until(({ busy }) => busy.length === 1);
    await read('/goaway');
    await read('/ok');
    await expect(Promise.all([slow, read('/ok')])).resolves.toHaveLength(2);
  });

  test('fails a POST that it carried, which may have been executed', async () => {
    await read('/ok');
    const error = read('/reset/before-headers', { method: 'POST', body: 'x' });
    await expect(error).rejects.toMatchObject({ message: 'fetch failed' });
    expect(server.count('/reset/before-headers')).toBe(1);
  });
});

describe('a reset stream', () => {
  test.for(['?code=0', '?code=2', '?code=8', '?code=11', '?code=8&at=body'])('with %s is retried', async (how) => {
    const fetch = createFetch({ use: [retry({ backoff: () => 0 })], fetch: transport });
    const read = async (): Promise<string> => (await fetch(server.url(`/stream/reset${how}&times=1`))).text();
    const text = await read().catch(() => read()); // retry ends with the headers
    expect(text).toBe('ok');
    // With ENHANCE_YOUR_CALM (11) the server refuses the connection.
    expect([server.count(), server.connections]).toEqual([2, how === '?code=11' ? 2 : 1]);
  });

  test.for(['/stream/reset?code=8', '/stream/half-close', '/goaway?code=2', '/fin/before-headers'])(
    'is a failure for the breaker: %s',
    async (path) => {
      const fetch = createFetch({ use: [breaker({ volume: 1, ratio: 0.5 })], fetch: transport });
      await expect(fetch(server.url(path))).rejects.toMatchObject({ message: 'fetch failed' });
      await expect(fetch(server.url('/ok'))).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    },
  );

  test('that the server refused is sent once more, also for a POST', async () => {
    await read('/stream/reset?code=7&times=1', { method: 'POST', body: 'x' });
    expect([server.count(), server.connections]).toEqual([2, 1]);
    await expect(read('/stream/reset?code=7')).rejects.toMatchObject({ cause: { code: 'ERR_HTTP2_STREAM_ERROR' } });
    expect(server.count('/stream/reset?code=7')).toBe(2);
  });
});

describe('a connection', () => {
  test('carries as many streams as the server allows', async () => {
    const calls = Promise.allSettled(Array.from({ length: 150 }, () => read('/blackhole')));
    await server.until(({ busy }) => busy.length === 150);
    expect(server.requests.filter(({ connection }) => connection === 1)).toHaveLength(100);
    expect(server.connections).toBe(2);
    await transport.destroy();
    await calls;
  });

  test('is not blocked by bodies that are not read', async () => {
    const unread = await Promise.all(Array.from({ length: 5 }, () => transport(server.url('/ok?size=1000000'))));
    expect(await read('/ok?size=1000000')).toHaveLength(1_000_000);
    await Promise.all(unread.map(({ body }) => body!.cancel()));
  });

  test('is counted with its streams', async () => {
    const controller = new AbortController();
    const calls = Array.from({ length: 5 }, () => transport(server.url('/blackhole'), { signal: controller.signal }));
    await server.until(({ busy }) => busy.length === 5);
    expect(stats()).toMatchObject({ connected: 1, free: 0, pending: 0, running: 5, queued: 0 });
    controller.abort();
    await Promise.allSettled(calls);
    await server.until(({ aborted }) => aborted.length === 5);
    expect(stats()).toMatchObject({ connected: 1, free: 1, running: 0 });
    await read('/ok');
    expect(server.connections).toBe(1);
  });

  test('is used once with `keepAlive: false`', async () => {
    open({ keepAlive: false });
    for (let n = 0; n < 3; n += 1) await read('/ok');
    expect(server.connections).toBe(3);
    await server.until((seen) => seen.open === 0);
  });

  test('is closed by destroy() although the server does not close it', async () => {
    const slow = read('/blackhole');
    slow.catch(() => undefined);
    await read('/goaway');
    await read('/freeze');
    await transport.destroy();
    await expect(slow).rejects.toMatchObject({ message: 'fetch failed' });
  });

  test('closes when it has been idle for `keepAlive`', async () => {
    open({ keepAlive: 30 });
    await read('/ok');
    await server.until((seen) => seen.open === 0);
    expect(stats()).toMatchObject({ connected: 0, free: 0 });
  });

  test('does not keep the process alive while it is idle', async () => {
    const code = `
      import { undici } from './adapters/transport/undici/undici.ts';
      const tls = { rejectUnauthorized: false };
      await (await undici({ tls, keepAlive: 60_000 })('${server.url('/ok')}')).text();
    `;
    const { code: exit, ms } = await exitsByItself(code);
    expect(exit).toBe(0);
    expect(ms).toBeLessThan(4_000);
  });

  test('is replaced when a limit has expired and the server does not respond to a PING', async () => {
    open({ headers: 300, connect: 150, connections: 1 });
    await read('/freeze');
    await expect(read('/ok')).rejects.toMatchObject({ name: 'TimeoutError', phase: 'headers' });
    await read('/ok');
    expect(server.connections).toBe(2);
  });

  test('is kept when a limit has expired and the server responds to a PING', async () => {
    open({ headers: 60 });
    await expect(read('/blackhole')).rejects.toMatchObject({ name: 'TimeoutError', phase: 'headers' });
    await read('/ok');
    await read('/ok');
    expect(server.connections).toBe(1);
  });
});

describe('a limit over HTTP/2', () => {
  const large = (): RequestInit => ({ method: 'POST', body: new Uint8Array(8 * 1024 * 1024) });
  test.for<[TimeoutPhase, UndiciOptions, string, (() => RequestInit)?]>([
    ['write', { write: 60 }, '/stall/upload', large],
    ['headers', { headers: 60 }, '/blackhole'],
    ['idle', { body: 60 }, '/stall/body'],
  ])('expires with the phase %s', async ([phase, options, path, init = () => ({})]) => {
    open(options);
    await expect(read(path, init())).rejects.toMatchObject({ name: 'TimeoutError', phase, limit: 60 });
    await server.until(({ busy }) => busy.length === 0);
  });

  test('does not count the time that a slow reader takes', async () => {
    open({ body: 40 });
    const response = await transport(server.url('/ok?size=1000000'));
    await new Promise((resolve) => setTimeout(resolve, 80)); // twice the limit: no event could replace this wait
    expect(await response.text()).toHaveLength(1_000_000);
  });

  test('whose timer fires late looks once more for what has arrived', async () => {
    open({ body: 100 });
    const text = read('/drip/body?chunks=2&gap=30');
    await server.until(({ last }) => last?.state === 'answering');
    const until = performance.now() + 200;
    while (performance.now() < until); // a process that was blocked
    expect(await text).toHaveLength(20);
  });
});

describe('an abort over HTTP/2', () => {
  const reason = { its: 'own' };
  test.for(['/blackhole', '/stall/body', '/endless', '/stall/upload'])('ends the stream of %s alone', async (path) => {
    const controller = new AbortController();
    const init = { method: 'POST', body: new Uint8Array(1024 * 1024), signal: controller.signal };
    const text = read(path, init);
    await server.until(({ busy }) => busy.some(({ state }) => state !== 'receiving'));
    const other = read('/drip/body');
    controller.abort(reason);
    await expect(text).rejects.toBe(reason);
    expect(await other).toHaveLength(100);
    await server.until(({ busy }) => busy.length === 0);
    expect(server.connections).toBe(1);
  });
});

describe('a request over HTTP/2', () => {
  test.for(['connection', 'proxy-connection', 'http2-settings', 'te'])(
    'is sent without its `%s` header',
    async (name) => {
      await read('/ok', { headers: { [name]: 'close' } });
      expect(server.last!.headers[name]).toBeUndefined();
    },
  );

  test('is sent with `te: trailers`', async () => {
    await read('/ok', { headers: { te: 'trailers' } });
    expect(server.last!.headers['te']).toBe('trailers');
  });

  test('may have 70 kB of headers, and is refused with 2 MB', async () => {
    const large = (size: number): Promise<string> => read('/ok', { headers: { 'x-large': 'x'.repeat(size) } });
    await large(70_000);
    await expect(large(2_000_000)).rejects.toMatchObject({ cause: { message: 'the headers are too large' } });
    expect(server.connections).toBe(1);
  });

  test('gets a response with as many headers as over HTTP/1.1', async () => {
    const { headers } = await transport(server.url('/headers/many'));
    expect([...headers].length).toBeGreaterThan(1_000);
  });

  test('without a body is sent without the Content-Length of the caller', async () => {
    await read('/ok', { headers: { 'content-length': '5' } });
    expect(server.last!.headers['content-length']).toBeUndefined();
  });

  test.for(['2', '6'])('of 4 bytes in a stream is refused with a Content-Length of %s, and alone', async (length) => {
    const other = read('/drip/body');
    await server.until(({ busy }) => busy.length === 1);
    const left = ['f', 'o', 'u', 'r'];
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const letter = left.shift();
        if (letter === undefined) controller.close();
        else controller.enqueue(Buffer.from(letter));
      },
    });
    const init = { method: 'POST', body, duplex: 'half', headers: { 'content-length': length } };
    await expect(read('/ok', init)).rejects.toMatchObject({ cause: { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' } });
    expect(await other).toHaveLength(100);
    await read('/ok');
    expect(server.connections).toBe(1);
  });
});
