/** The connections of kyoa/undici: how they are kept, limited, counted, replaced and closed. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { undici, type Pressure, type UndiciFetch } from '../../../../adapters/transport/undici/undici.ts';
import { createFetch, standard } from '../../../../src/index.ts';
import kyoa from '../../../../src/kyoa.ts';
import { faultServer, type FaultServer } from '../../../support/faults.ts';
import { exitsByItself } from '../../../support/sockets.ts';

let server: FaultServer;
let transport: UndiciFetch;
beforeEach(async () => {
  server = await faultServer();
  transport = undici();
});
afterEach(async () => {
  await transport.destroy();
  await server.close();
});

const read = async (path: string, init?: RequestInit): Promise<string> =>
  (await transport(server.url(path), init)).text();
const stats = (): ReturnType<UndiciFetch['stats']>[string] => transport.stats()[server.origin]!;

describe('a connection', () => {
  test('is kept for the next request', async () => {
    for (let n = 0; n < 5; n += 1) await read('/ok');
    expect([server.count(), server.connections]).toEqual([5, 1]);
  });

  test('is used once with `keepAlive: false`', async () => {
    transport = undici({ keepAlive: false });
    for (let n = 0; n < 3; n += 1) await read('/ok');
    expect([server.count(), server.connections]).toEqual([3, 3]);
  });

  test('is kept when the short body of a redirect is discarded', async () => {
    await read('/redirect/chain?n=5');
    expect(server.count()).toBe(6);
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('is one of at most `connections`, and further requests wait', async () => {
    transport = undici({ connections: 3 });
    const calls = Array.from({ length: 20 }, () => read('/ok?delay=10&size=4'));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['kyoa']));
    expect([server.count(), server.connections]).toEqual([20, 3]);
  });

  test('does not keep the process alive while it is idle', async () => {
    const code = `
      import { undici } from './adapters/transport/undici/undici.ts';
      await (await undici()('${server.url('/ok')}')).text();
    `;
    const { code: exit, stderr, ms } = await exitsByItself(code);
    expect([exit, stderr]).toEqual([0, '']);
    expect(ms).toBeLessThan(4_000); // undici's own idle time
  });
});

describe('a kept connection that the server has closed', () => {
  const how = (path: string): string => `/keepalive/close-next?how=${path}`;

  test.each(['reset', 'fin'])('by %s causes one replay on a new connection, and no error', async (cut) => {
    await read(how(cut));
    expect(await read('/ok?size=4')).toBe('kyoa');
    expect(server.requests.slice(1).map(({ url, nth }) => [url, nth])).toEqual([
      ['/ok?size=4', 2],
      ['/ok?size=4', 1],
    ]);
  });

  test('fails a POST, which may have been executed', async () => {
    await read(how('reset'));
    await expect(read('/ok', { method: 'POST', body: 'x' })).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(server.count('/ok')).toBe(1);
  });

  test('replays a POST with an Idempotency-Key, with its whole body', async () => {
    await read(how('reset'));
    await read('/ok', { method: 'POST', body: 'whole', headers: { 'idempotency-key': '1' } });
    expect(server.requests.slice(1).map(({ body }) => body.toString())).toEqual(['whole', 'whole']);
  });

  test('is replaced once: the outcome of the second connection is final', async () => {
    await read('/ok');
    await expect(read('/reset/before-headers')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(server.count('/reset/before-headers')).toBe(2);
  });

  test('does not include a new connection, whose failure is final', async () => {
    await expect(read('/reset/before-headers')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(server.count('/reset/before-headers')).toBe(1);
  });

  test('causes no replay once the response has begun', async () => {
    await read('/ok');
    await expect(read('/reset/amid-headers')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(server.count('/reset/amid-headers')).toBe(1);
  });
});

describe('stats() and onPressure', () => {
  test('count the open and idle connections, and the running and queued requests', async () => {
    transport = undici({ connections: 2 });
    const controller = new AbortController();
    const calls = Array.from({ length: 5 }, () => transport(server.url('/blackhole'), { signal: controller.signal }));
    await server.until(({ busy }) => busy.length === 2);
    expect(stats()).toMatchObject({ connected: 2, free: 0, pending: 0, running: 2, queued: 3 });
    expect(stats().longestHold).toBeGreaterThan(0);
    controller.abort();
    await Promise.allSettled(calls);
    await read('/ok');
    expect(stats()).toEqual({ connected: 1, free: 1, pending: 0, running: 0, queued: 0, longestHold: 0 });
  });

  test('report once an episode that connections are short or requests queue', async () => {
    const reported: Pressure['reason'][] = [];
    transport = undici({ connections: 4, onPressure: ({ reason }) => reported.push(reason) });
    const burst = (): Promise<string[]> => Promise.all(Array.from({ length: 20 }, () => read('/ok?delay=5')));
    await burst();
    expect(reported).toEqual(['running', 'queued']);
    await burst();
    expect(reported).toEqual(['running', 'queued', 'running', 'queued']);
  });

  test('affect no call and no process if onPressure throws or rejects', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      for (const onPressure of [
        vi.fn(() => expect.unreachable()),
        vi.fn(() => Promise.reject(new Error('rejected'))),
      ]) {
        transport = undici({ connections: 1, headers: false, onPressure });
        const caller = new AbortController();
        const held = transport(server.url('/blackhole'), { signal: caller.signal }).catch((error: Error) => error.name);
        await server.until(({ busy }) => busy.length === 1);
        vi.advanceTimersByTime(31_000);
        expect(onPressure).toHaveBeenCalledTimes(2); // `running` and `hold`
        caller.abort();
        expect(await held).toBe('AbortError');
        expect((await transport(server.url('/ok'))).status).toBe(200);
        await transport.destroy();
      }
    } finally {
      vi.useRealTimers();
    }
    expect(errors.mock.calls.map(([message]) => message as unknown)).toEqual(Array(2).fill('kyoa: onPressure threw'));
    errors.mockRestore();
  });

  test('report a hold of more than 30 s once, and a later one again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const reported: Pressure[] = [];
      transport = undici({ headers: false, onPressure: (pressure) => reported.push(pressure) });
      const hold = async (): Promise<AbortController> => {
        const controller = new AbortController();
        transport(server.url('/blackhole'), { signal: controller.signal }).catch(() => undefined);
        await server.until(({ busy }) => busy.length === 1);
        return controller;
      };
      const first = await hold();
      vi.advanceTimersByTime(29_000);
      expect(reported).toEqual([]);
      vi.advanceTimersByTime(120_000);
      const report = { reason: 'hold', origin: server.origin, running: 1, longestHold: 30_000 };
      expect(reported).toMatchObject([report]);

      first.abort();
      await server.until(({ busy }) => busy.length === 0);
      vi.advanceTimersByTime(120_000);
      await hold();
      vi.advanceTimersByTime(120_000);
      expect(reported).toMatchObject([report, report]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the transport', () => {
  test('waits on close() for the present calls, and refuses later ones', async () => {
    const text = read('/drip/body');
    await server.until(({ busy }) => busy.length === 1);
    const closed = transport.close();
    await expect(read('/ok')).rejects.toMatchObject({ message: 'fetch failed', cause: { code: 'UND_ERR_CLOSED' } });
    expect(await text).toHaveLength(100);
    await closed;
    await server.until(({ open }) => open === 0);
  });

  test('fails the present calls on destroy(), with its reason as the cause', async () => {
    transport = undici({ connections: 1 });
    const calls = [read('/blackhole'), read('/ok')];
    await server.until(({ busy }) => busy.length === 1);
    const reason = new Error('shutting down');
    await Promise.all([
      transport.destroy(reason),
      ...calls.map((call) => expect(call).rejects.toMatchObject({ cause: reason })),
    ]);
    await server.until(({ open }) => open === 0);
  });

  test('closes at the end of `await using`', async () => {
    {
      await using own = undici();
      await (await own(server.url('/ok'))).text();
    }
    await server.until(({ open }) => open === 0);
  });
});

describe('with the transport', () => {
  test('standard() returns genuine Responses, and retries a reset', async () => {
    const fetch = createFetch({ use: standard(), fetch: transport });
    const response = await fetch(server.url('/reset-sequence?steps=reset,ok&size=4'));
    expect(response).toBeInstanceOf(Response);
    expect(response.url).toBe(server.url('/reset-sequence?steps=reset,ok&size=4'));
    expect(await response.clone().text()).toBe('kyoa');
    expect(await response.text()).toBe('kyoa');
  });

  test('a string body is sent with its length, and again in a retry', async () => {
    const fetch = createFetch({ use: standard(), fetch: transport });
    const headers = { 'idempotency-key': '1' };
    await fetch(server.url('/sequence?statuses=503,200'), { method: 'POST', body: 'twice', headers });
    expect(server.requests.map(({ body, headers }) => [String(body), headers['content-length']])).toEqual([
      ['twice', '5'],
      ['twice', '5'],
    ]);
  });

  test('standard() creates no stream for a body that is read whole', async () => {
    const fetch = createFetch({ use: standard(), fetch: transport });
    let streams = 0;
    const counted = new Proxy(ReadableStream, {
      construct(target, args, self) {
        streams += 1;
        return Reflect.construct(target, args, self) as object;
      },
    });
    vi.stubGlobal('ReadableStream', counted);
    try {
      const response = await fetch(server.url('/ok?size=4'), { signal: new AbortController().signal });
      expect(await response.text()).toBe('kyoa');
      expect(streams).toBe(0);
      expect(response.body).not.toBeNull();
      expect(streams).toBe(1);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('the client works', async () => {
    const api = kyoa.create({ fetch: transport });
    expect(await api.post(server.url('/ok'), { json: { a: 1 } }).json()).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
    });
  });
});

describe('a connection over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-tls-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('uses HTTP/2 if the server offers it, with all requests on one connection', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject],
      { stdio: 'ignore' },
    );
    const h2 = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert), allowHTTP1: true });
    let sessions = 0;
    h2.on('session', () => (sessions += 1));
    h2.on('request', (request, response) => response.end(`HTTP/${request.httpVersion}`));
    h2.listen(0, 'localhost');
    await once(h2, 'listening');
    const url = `https://localhost:${(h2.address() as AddressInfo).port}/`;
    try {
      const tls = { ca: readFileSync(cert) };
      for (const http2 of [true, false]) {
        const own = undici({ tls, http2 });
        const texts = await Promise.all(Array.from({ length: 20 }, async () => (await own(url)).text()));
        expect(new Set(texts)).toEqual(new Set([http2 ? 'HTTP/2.0' : 'HTTP/1.1']));
        await own.destroy();
      }
      expect(sessions).toBe(1);
      await expect(transport(url)).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    } finally {
      h2.close();
    }
  });
});

describe('options', () => {
  test.each([
    [{ connections: 0 }, 'undici connections must be a whole number of 1 or more, got 0'],
    [{ headers: -1 }, 'undici headers must be a number of milliseconds above 0, got -1'],
    [{ maxBody: 0 }, 'undici maxBody must be a whole number of 1 or more, got 0'],
    [{ maxBody: 0.5 }, 'undici maxBody must be a whole number of 1 or more, got 0.5'],
    [{ pool: 3 }, 'undici has no option pool'],
    [{ proxy: 'proxy:3128' }, 'undici proxy must be the URL of an HTTP proxy'],
    [{ origins: { 'https://a.example/x': {} } }, 'undici origins must be origins'],
    [{ origins: { 'https://a.example': { write: 0 } } }, 'undici origins["https://a.example"] write must be'],
    [{ onPressure: 1 }, 'undici onPressure must be a function, got 1'],
  ])('refuse %o', (options, message) => {
    expect(() => undici(options as object)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});
