/** Proxies and certificates with the global fetch, and with undici's own, as docs/recipes/proxies.md shows them. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent, fetch as undiciFetch, ProxyAgent, Socks5ProxyAgent, type Dispatcher } from 'undici';

import { createFetch, standard } from '../../../../src/index.ts';
import { createCertificate, ownCertificate } from '../../../support/faults/tls.ts';
import { root } from '../../../support/lanes.ts';
import { startProxy } from '../../../support/proxy.ts';

const server = ownCertificate();
const user = createCertificate('Ada');
const folder = mkdtempSync(join(tmpdir(), 'kyoa-fetch-'));
const plain = createHttpServer((_, response) => response.end('plain'));
const secure = createHttpsServer({ ...server, ca: user.cert, requestCert: true, rejectUnauthorized: false });
let plainUrl: string;
let secureUrl: string;

beforeAll(async () => {
  writeFileSync(join(folder, 'ca.pem'), server.cert);
  secure.on('request', (request, response) => {
    const { authorized } = request.socket as unknown as { authorized: boolean };
    response.end(authorized ? 'known' : 'secure');
  });
  for (const origin of [plain, secure]) {
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
  }
  plainUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
  secureUrl = `https://localhost:${(secure.address() as AddressInfo).port}/`;
});
afterAll(() => {
  for (const origin of [plain, secure]) {
    origin.close();
    origin.closeAllConnections();
  }
  rmSync(folder, { recursive: true });
});

/** What kyoa gets from the global fetch of a process with these variables. */
async function inProcess(url: string, env: Readonly<Record<string, string>>): Promise<string> {
  const program = `import { createFetch, standard } from ${JSON.stringify(join(root, 'src/index.ts'))};
    const response = await createFetch({ use: standard() })(${JSON.stringify(url)});
    console.log(await response.text());`;
  const args = ['--no-warnings', '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env['PATH'], ...env } });
  return stdout.trim();
}

/** undici's own fetch beside its own dispatchers: those of another version do not fit Node's global fetch. */
function through(dispatcher: Dispatcher): typeof fetch {
  return createFetch({
    use: standard(),
    fetch: (input, init) => undiciFetch(input as never, { ...init, dispatcher } as never) as never,
  });
}

test('NODE_USE_ENV_PROXY sends the requests of the global fetch to the proxy', { timeout: 20_000 }, async () => {
  await using proxy = await startProxy();
  expect(await inProcess(plainUrl, { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url })).toBe('plain');
  expect(proxy.seen).toHaveLength(1);
});

test('NODE_EXTRA_CA_CERTS adds an authority to the global fetch', { timeout: 20_000 }, async () => {
  expect(await inProcess(secureUrl, { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') })).toBe('secure');
  await expect(inProcess(secureUrl, {})).rejects.toThrow('DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('a ProxyAgent works with the fetch of undici', async () => {
  await using proxy = await startProxy();
  const dispatcher = new ProxyAgent({ uri: proxy.url, requestTls: { ca: server.cert } });
  expect(await (await through(dispatcher)(secureUrl)).text()).toBe('secure');
  expect(proxy.seen).toHaveLength(1);
  await dispatcher.destroy();
});

test('an Agent shows a certificate of the client', async () => {
  const dispatcher = new Agent({ connect: { ca: server.cert, ...user } });
  expect(await (await through(dispatcher)(secureUrl)).text()).toBe('known');
  await dispatcher.destroy();
});

test('a SOCKS proxy works with the fetch of undici', async () => {
  const socks = await startSocks();
  const dispatcher = new Socks5ProxyAgent(`socks5://127.0.0.1:${(socks.address() as AddressInfo).port}`);
  expect(await (await through(dispatcher)(plainUrl)).text()).toBe('plain');
  await dispatcher.destroy();
  socks.close();
  await once(socks, 'close');
});

/** SOCKS 5 without authentication (RFC 1928), for CONNECT to an IPv4 address or a name. */
async function startSocks(): Promise<Server> {
  const socks = createServer((client: Socket) => {
    client
      .on('error', () => {})
      .once('data', () => {
        client.write(Buffer.from([5, 0]));
        client.once('data', (request: Buffer) => {
          const isName = request[3] === 3;
          const end = isName ? 5 + request[4]! : 8;
          const host = isName ? request.subarray(5, end).toString() : request.subarray(4, 8).join('.');
          const upstream = connect(request.readUInt16BE(end), host, () => {
            client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            client.pipe(upstream).pipe(client);
          });
          upstream.on('error', () => client.destroy());
          client.on('close', () => upstream.destroy());
        });
      });
  });
  socks.listen(0, '127.0.0.1');
  await once(socks, 'listening');
  return socks;
}
