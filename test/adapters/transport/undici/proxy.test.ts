/** Proxies, certificates and Unix sockets, with real ones. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { parseOptions } from '../../../../adapters/transport/undici/options.ts';
import { undici, type UndiciOptions } from '../../../../adapters/transport/undici/undici.ts';
import { createFetch, retry, standard, TimeoutError } from '../../../../src/index.ts';
import { createCertificate, ownCertificate, type Certificate } from '../../../support/faults/tls.ts';
import { startProxy, type LoopbackProxy } from '../../../support/proxy.ts';

const server = ownCertificate();
const user = createCertificate('Ada');
const credentials = 'Basic dTpwIHc=';

interface Origin extends AsyncDisposable {
  readonly url: string;
  readonly headers: IncomingHttpHeaders[];
}

/** An https server of both versions, which returns the version and the name of the certificate of its client. */
async function startOrigin({ key, cert }: Certificate = server, clients?: Certificate): Promise<Origin> {
  const headers: IncomingHttpHeaders[] = [];
  const mutual = clients && { ca: clients.cert, requestCert: true };
  const origin: Http2SecureServer = createSecureServer({ key, cert, allowHTTP1: true, ...mutual });
  const sockets = new Set<Socket>();
  origin.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  origin.on('tlsClientError', () => {});
  origin.on('request', (request, response) => {
    headers.push(request.headers);
    const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
    const { subject } = socket.getPeerCertificate();
    response.end(
      `HTTP/${request.httpVersion} ${subject?.CN?.toString() ?? 'no certificate'} ${String(socket.servername)}`,
    );
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  return {
    url: `https://localhost:${(origin.address() as AddressInfo).port}/`,
    headers,
    async [Symbol.asyncDispose]() {
      origin.close();
      for (const socket of sockets) socket.destroy();
      await once(origin, 'close');
    },
  };
}

async function text(options: UndiciOptions, url: string): Promise<string> {
  const fetch = undici(options);
  try {
    return await (await fetch(url)).text();
  } finally {
    await fetch.destroy();
  }
}

async function failure(options: UndiciOptions, url: string, init?: RequestInit): Promise<Error> {
  const fetch = undici(options);
  try {
    return await fetch(url, init).then(
      () => expect.unreachable(),
      (error: Error) => error,
    );
  } finally {
    await fetch.destroy();
  }
}

describe.each([
  ['HTTP/1.1', false],
  ['HTTP/2.0', true],
])('over %s', (version, http2) => {
  const tls = { ca: server.cert };

  describe('a proxy', () => {
    let proxy: LoopbackProxy;
    let origin: Origin;
    beforeEach(async () => {
      proxy = await startProxy();
      origin = await startOrigin();
    });
    afterEach(async () => {
      await proxy.idle(); // no socket of a test is left
      await origin[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    });

    test('gets its credentials, and the origin does not', async () => {
      expect(await text({ http2, tls, proxy: proxy.url }, origin.url)).toContain(version);
      expect(proxy.seen).toMatchObject([
        { request: `CONNECT ${new URL(origin.url).host}`, authorization: credentials },
      ]);
      expect(origin.headers[0]).not.toHaveProperty('proxy-authorization');
    });

    test('gets headers of its own', async () => {
      const headers = { 'proxy-authorization': 'Bearer token' };
      const url = `http://127.0.0.1:${proxy.port}`;
      expect(await text({ http2, tls, proxy: { url, headers } }, origin.url)).toContain(version);
      expect(proxy.seen[0]!.authorization).toBe('Bearer token');
    });

    test('gets one authorization, in place of the credentials of its URL, also if its name has capitals', async () => {
      const headers = { 'Proxy-Authorization': 'Bearer token', 'x-none': undefined as never };
      expect(await text({ http2, tls, proxy: { url: proxy.url, headers } }, origin.url)).toContain(version);
      expect(proxy.seen[0]!.authorization).toBe('Bearer token');
      expect(proxy.seen[0]!.names.filter((name) => /^(proxy-authorization|x-none)$/i.test(name))).toHaveLength(1);
    });

    test('with undefined options of its own `tls` has the defaults of Node', async () => {
      await using secure = await startProxy(user);
      const tlsOfProxy = { ca: user.cert, servername: 'Ada', checkServerIdentity: undefined, minVersion: undefined };
      expect(await text({ http2, tls, proxy: { url: secure.url, tls: tlsOfProxy } }, origin.url)).toContain(version);
      await secure.idle();
    });

    test('opens the tunnel by each status of success (RFC 9110 §9.3.6)', async () => {
      proxy.next.push(201);
      expect(await text({ http2, tls, proxy: proxy.url }, origin.url)).toContain(version);
    });

    test('that wants other credentials is an error without the password, and is not retried', async () => {
      proxy.next.push(407, 407, 407, 407);
      const transport = undici({ http2, tls, proxy: proxy.url });
      const fetch = createFetch({ use: standard(), fetch: transport });
      const error: Error = await fetch(origin.url).then(
        () => expect.unreachable(),
        (error: Error) => error,
      );
      const { cause } = error as { cause?: { code?: string; message?: string } };
      expect(cause).toMatchObject({
        code: 'ERR_PROXY_REFUSED',
        message: expect.stringContaining('responded with 407'),
      });
      for (const secret of ['p w', 'p%20w', 'u:p', 'dTpwIHc']) {
        expect(`${error.stack} ${String(cause?.message)} ${JSON.stringify(error)}`).not.toContain(secret);
      }
      expect(proxy.seen).toHaveLength(1);
      await transport.destroy();
    });

    test('that cannot reach the origin is a network error, which is retried', async () => {
      proxy.next.push(503);
      const transport = undici({ http2, tls, proxy: proxy.url });
      const fetch = createFetch({ use: [retry({ backoff: () => 0 })], fetch: transport });
      expect((await fetch(origin.url)).status).toBe(200);
      expect(proxy.seen).toHaveLength(2);
      await transport.destroy();
    });

    test('that hangs is a TimeoutError of the phase connect, and its socket is closed', async () => {
      proxy.next.push('hang');
      const transport = undici({ http2, tls, proxy: proxy.url, connect: 100 });
      await expect(transport(origin.url)).rejects.toEqual(expect.any(TimeoutError));
      await proxy.idle();
      await transport.close();
    });

    test('that hangs is left by a caller who aborts, and its socket is closed', async () => {
      proxy.next.push('hang');
      const transport = undici({ http2, tls, proxy: proxy.url });
      const caller = new AbortController();
      const call = transport(origin.url, { signal: caller.signal });
      await vi.waitFor(() => expect(proxy.seen).toHaveLength(1));
      caller.abort();
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
      await proxy.idle();
      await transport.close();
    });

    test('that closes the connection is a network error', async () => {
      proxy.next.push('reset');
      const error = await failure({ http2, tls, proxy: proxy.url }, origin.url);
      expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
    });

    test('through which the origin does not respond in TLS is a TimeoutError, and both sockets are closed', async () => {
      await using silent = await startSilent();
      const error = await failure({ http2, tls, proxy: proxy.url, connect: 100 }, silent.url);
      expect(error).toMatchObject({ name: 'TimeoutError', phase: 'connect' });
      await silent.idle();
    });

    test('with a certificate of its own is verified by its own `tls`', async () => {
      await using secure = await startProxy(user);
      const known = { url: secure.url, tls: { ca: user.cert, servername: 'Ada' } };
      expect(await text({ http2, tls, proxy: known }, origin.url)).toContain(version);
      const error = await failure({ http2, tls, proxy: secure.url }, origin.url);
      expect(error.cause).toMatchObject({ code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY/) });
      await secure.idle();
    });
  });

  describe('a certificate of the client', () => {
    test('is shown to the server', async () => {
      await using origin = await startOrigin(server, user);
      expect(await text({ http2, tls: { ...tls, ...user } }, origin.url)).toBe(`${version} Ada localhost`);
    });

    test('that is missing is the alert of the server, which undici reports over HTTP/1.1 as a closed connection', async () => {
      await using origin = await startOrigin(server, user);
      const error = await failure({ http2, tls }, origin.url);
      expect(error.cause).toMatchObject({
        code: http2 ? 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' : 'UND_ERR_SOCKET',
      });
      expect(origin.headers).toEqual([]);
    });

    test('is replaced with the transport, and the calls of the old one end as they began', async () => {
      const other = createCertificate('Grace');
      await using origin = await startOrigin(server, { key: user.key, cert: Buffer.concat([user.cert, other.cert]) });
      const create = ({ key, cert }: Certificate) => undici({ http2, tls: { ...tls, key, cert } });
      let transport = create(user);
      const fetch = createFetch({ use: standard(), fetch: (input, init) => transport(input, init) });
      const first = await fetch(origin.url);
      const old = transport;
      transport = create(other);
      const closed = old.close();
      expect(await first.text()).toContain('Ada');
      expect(await (await fetch(origin.url)).text()).toContain('Grace');
      await closed;
      await transport.destroy();
    });
  });

  test('a certificate of the server that has expired is an error with its code, and is not retried', async () => {
    const expired = createCertificate('localhost', { expired: true });
    await using origin = await startOrigin(expired);
    const transport = undici({ http2, tls: { ca: expired.cert } });
    const sent = vi.fn(transport);
    const fetch = createFetch({ use: standard(), fetch: (...args) => sent(...args) });
    await expect(fetch(origin.url)).rejects.toMatchObject({ cause: { code: 'CERT_HAS_EXPIRED' } });
    expect(sent).toHaveBeenCalledTimes(1);
    await transport.destroy();
  });

  test('`servername` is the name that the server is asked for and that its certificate must have', async () => {
    await using origin = await startOrigin(user);
    const tls = { ca: user.cert };
    expect(await text({ http2, tls: { ...tls, servername: 'Ada' } }, origin.url)).toContain(' Ada');
    const error = await failure({ http2, tls }, origin.url);
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });
});

describe('plain http', () => {
  test.each([
    ['an http', undefined],
    ['an https', user],
  ])('goes to %s proxy whole, over HTTP/1.1, verified by the `tls` of the proxy', async (_, certificate) => {
    const origin = createHttpServer(({ headers }, response) => response.end(JSON.stringify(headers)));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const url = `http://localhost:${(origin.address() as AddressInfo).port}/`;
    await using proxy = await startProxy(certificate);
    const known = { url: proxy.url, tls: { ca: user.cert, servername: 'Ada' } };
    const headers = JSON.parse(await text({ proxy: known }, url)) as IncomingHttpHeaders;
    expect(headers.host).toBe(new URL(url).host);
    expect(headers).not.toHaveProperty('proxy-authorization');
    expect(proxy.seen).toMatchObject([{ request: `GET ${url}`, authorization: credentials }]);
    await proxy.idle();
    origin.close();
    origin.closeAllConnections();
  });

  test('goes to a Unix socket, past the proxy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-socket-'));
    const socketPath = join(folder, 'docker.sock');
    const daemon = createHttpServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
    daemon.listen(socketPath);
    await once(daemon, 'listening');
    try {
      const options = { proxy: 'http://127.0.0.1:1', origins: { 'http://docker': { socketPath } } };
      expect(await text(options, 'http://docker/version')).toBe('docker /version');
      const error = await failure(
        { origins: { 'http://docker': { socketPath: `${socketPath}.gone` } } },
        'http://docker/',
      );
      expect(error.cause).toMatchObject({ code: 'ENOENT' });
    } finally {
      daemon.close();
      daemon.closeAllConnections();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the environment', () => {
  let proxy: LoopbackProxy;
  let origin: Server;
  let url: string;
  beforeAll(async () => {
    proxy = await startProxy();
    origin = createHttpServer((_, response) => response.end('found')).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    origin.close();
  });
  beforeEach(() => {
    for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) {
      vi.stubEnv(name, undefined);
      vi.stubEnv(name.toUpperCase(), undefined);
    }
    proxy.seen.length = 0;
  });
  afterEach(() => void vi.unstubAllEnvs());

  test('names no proxy for a transport without the option', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    expect(await text({}, url)).toBe('found');
  });

  test('names the proxy, with or without a scheme, in lower case first', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('http_proxy', `127.0.0.1:${proxy.port}`);
    expect(await text({ proxy: 'env' }, url)).toBe('found');
    expect(proxy.seen).toHaveLength(1);
  });

  test('names the proxy of https, or that of http for both', async () => {
    await using secure = await startOrigin();
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY']) {
      vi.stubEnv('HTTPS_PROXY', undefined);
      vi.stubEnv(name, proxy.url);
      expect(await text({ proxy: 'env', tls: { ca: server.cert } }, secure.url)).toContain('HTTP/2.0');
    }
    expect(proxy.seen.map(({ authorization }) => authorization)).toEqual([credentials, credentials]);
  });

  test.each([
    ['*', 'http://a.example', true],
    ['a.example', 'http://a.example', true],
    ['A.example', 'http://a.example.', true],
    ['a.example', 'http://sub.a.example', true],
    ['.a.example', 'http://a.example', true],
    ['*.a.example', 'http://sub.a.example', true],
    ['*.a.example', 'http://a.example', false],
    ['a.example', 'http://nota.example', false],
    ['b.example, a.example:80', 'http://a.example', true],
    ['a.example:8080', 'http://a.example', false],
    ['a.example:8080', 'http://a.example:8080', true],
    ['a.example.', 'http://a.example', true],
    ['bücher.example', 'http://bücher.example', true],
    ['0.1', 'http://127.0.0.1', false],
    ['::1', 'http://[::1]:3000', true],
    ['0:0:0:0:0:0:0:1', 'http://[::1]:3000', true],
    ['[::1]:3000', 'http://[::1]:3000', true],
    ['[::1]:3001', 'http://[::1]:3000', false],
  ])('with NO_PROXY %s, %s is excluded: %s', async (noProxy, origin, excluded) => {
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', noProxy);
    // What is sent elsewhere shows nothing here, so the settings are compared, too.
    expect(parseOptions({ proxy: 'env' }).forOrigin(new URL(origin).origin).proxy === undefined).toBe(excluded);
    const transport = undici({ proxy: 'env' });
    const caller = new AbortController();
    const call = transport(`${origin}/`, { signal: caller.signal }).catch((error: unknown) => error);
    if (!excluded) await vi.waitFor(() => expect(proxy.seen).toHaveLength(1));
    else await Promise.race([call, new Promise(setImmediate)]);
    caller.abort();
    await call;
    await transport.destroy();
    expect(proxy.seen).toHaveLength(excluded ? 0 : 1);
  });

  test('with a proxy that is none is refused when the transport is created, without its value', () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://u:secret@127.0.0.1:1');
    const create = (): unknown => undici({ proxy: 'env' });
    expect(create).toThrow('undici proxy of the environment must be the URL of an HTTP proxy');
    expect(create).not.toThrow('secret');
  });
});

describe('options', () => {
  test.each([
    ['http://u:%zz@proxy.example', 'undici proxy must be the URL of an HTTP proxy'],
    ['socks5://proxy.example', 'undici proxy must be the URL of an HTTP proxy'],
    [{ url: 'http://proxy.example', headers: null }, 'undici proxy headers must be an object like'],
    [{ url: 'http://proxy.example', headers: [['a', 'b']] }, 'undici proxy headers must be an object like'],
    [{ url: 'http://proxy.example', headers: { a: 'Bearer\nsecret' } }, 'undici proxy headers must be an object like'],
    [{ url: 'http://proxy.example', tls: null }, 'undici proxy tls must be an object'],
    [{ url: 'proxy:secret' }, 'undici proxy must be the URL of an HTTP proxy'],
    [{ url: 'http://proxy.example', token: 'secret' }, 'undici proxy has no option token'],
  ])('refuse the proxy %o', (proxy, message) => {
    expect(() => undici({ proxy: proxy as never })).toThrow(message);
    expect(() => undici({ proxy: proxy as never })).not.toThrow('secret');
  });

  test('refuse a socketPath that is none', () => {
    expect(() => undici({ socketPath: '' })).toThrow('undici socketPath must be the path of a socket');
  });
});

interface Silent extends AsyncDisposable {
  readonly url: string;
  idle(): Promise<void>;
}

/** Accepts connections and says nothing. */
async function startSilent(): Promise<Silent> {
  const sockets = new Set<Socket>();
  const listener = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => {}).resume());
    socket.once('close', () => sockets.delete(socket));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `https://localhost:${(listener.address() as AddressInfo).port}/`,
    async idle() {
      await Promise.all([...sockets].map((socket) => once(socket, 'close')));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
