/**
 * `npm run proof:transport`: sends 100,000 requests through `kyoa/undici` to a server that responds in many ways, and
 * aborts more than half of them at a random time. Afterwards no socket, listener or timer may be left, and the heap may
 * not have grown. `--calls=2000` sends fewer requests, and `--http2` sends them over HTTP/2.
 */
import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { constants, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createListener, type AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { undici } from '../adapters/transport/undici/undici.ts';
import { ownCertificate } from '../test/support/faults/tls.ts';
import { openSockets } from '../test/support/sockets.ts';

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '100000' }, http2: { type: 'boolean', default: false } },
});
const calls = Number(values.calls);
const inFlight = 64;

const encoded = gzipSync('kyoa '.repeat(20_000));
const long = Buffer.alloc(200_000, 'kyoa ');
const responses: Readonly<Record<string, (response: ServerResponse) => void>> = {
  short: (response) => response.end('{"ok":true}'),
  long: (response) => response.end(long),
  encoded: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(encoded),
  redirect: (response) => response.writeHead(302, { location: '/short' }).end(),
  slow: (response) => void setTimeout(() => response.end('late'), 3),
  drip(response) {
    response.write('a');
    setTimeout(() => response.end('b'), 3);
  },
  reset: (response) => {
    if ('stream' in response) (response.stream as ServerHttp2Stream).close(constants.NGHTTP2_CANCEL);
    else response.socket?.resetAndDestroy();
  },
  silent: () => {},
  stuck: (response) => void response.write('a'),
};
const kinds = Object.keys(responses);

function respond(request: IncomingMessage, response: ServerResponse): void {
  response.on('error', () => {});
  const [, kind = ''] = request.url!.split('/');
  request.on('error', () => {}).resume();
  if (request.method === 'GET' || kind === 'reset') responses[kind]!(response);
  else request.on('end', () => responses[kind]!(response));
}
/** Node's server limits the aborted streams (CVE-2023-44487) and the memory of a connection. */
const unlimited = { streamResetBurst: 1e6, streamResetRate: 1e6, maxSessionMemory: 1_000 };
const certificate = values.http2 ? ownCertificate() : undefined;
/** The messages of node:http2 have the members of those of node:http that are used here. */
const server = certificate
  ? createSecureServer({ ...certificate, ...unlimited }, respond as never).on('sessionError', () => {})
  : createServer(respond);
/** Accepts connections and never starts TLS. */
const stalling = createListener((socket) => socket.on('error', () => {}).resume());
for (const listener of [server, stalling]) {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
}
const ports = [server, stalling].map((listener) => (listener.address() as AddressInfo).port);
const origin = `${values.http2 ? 'https' : 'http'}://127.0.0.1:${ports[0]}`;
const stalled = `https://127.0.0.1:${ports[1]}`;

const shared = new AbortController();
const limits = { connect: 5_000, headers: 5_000, body: 5_000, write: 5_000 };
const transport = undici({ connections: 48, ...limits, ...(certificate && { tls: { ca: String(certificate.cert) } }) });
const outcomes: Record<string, number> = {};

async function one(n: number): Promise<void> {
  const kind = kinds[n % kinds.length]!;
  const url = n % 50 === 7 ? stalled : `${origin}/${kind}/${n}`;
  const controller = new AbortController();
  const aborts = Math.random() < 0.5 || kind === 'silent' || kind === 'stuck' || url === stalled;
  const timer = aborts ? setTimeout(() => controller.abort(), 30 * Math.random() ** 2) : undefined;
  const init: RequestInit = { signal: n % 3 === 0 && !aborts ? shared.signal : controller.signal };
  // Node's HTTP/2 server keeps the memory of uploads that were aborted, until it refuses every stream.
  if (n % 5 === 0) Object.assign(init, { method: 'POST', body: n % 10 === 0 || values.http2 ? 'short' : long });
  try {
    const response = await transport(url, init);
    const how = n % 4;
    if (how === 0) await response.text();
    else if (how === 1) await response.body!.cancel();
    else if (how === 2) await Promise.all([response.clone().arrayBuffer(), response.arrayBuffer()]);
    else await response.body!.pipeTo(new WritableStream());
    count('answered');
  } catch (error) {
    count((error as Error).name);
  } finally {
    clearTimeout(timer);
  }
}

function count(what: string): void {
  outcomes[what] = (outcomes[what] ?? 0) + 1;
}

async function run(total: number): Promise<void> {
  let n = 0;
  const lane = async (): Promise<void> => {
    while (n < total) {
      await one((n += 1));
      if (n % 10_000 === 0) console.log(`${n.toLocaleString('en')} of ${total.toLocaleString('en')}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/** The size of the heap after a collection, bytes. */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 5; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

await run(Math.ceil(calls / 10)); // warm-up: compiled code, and objects that are created once
const before = await heap();
await run(calls);
const after = await heap();
const stats = Object.values(transport.stats());
const left = stats.reduce((sum, { running, pending, queued }) => sum + running + pending + queued, 0);
const listeners = getEventListeners(shared.signal, 'abort').length;
await transport.close();
const sockets = ports.flatMap((port) => openSockets(port)).length;
const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
for (const listener of [server, stalling]) listener.close();
if ('closeAllConnections' in server) server.closeAllConnections();

const grown = after - before;
console.log(outcomes);
console.log({ calls, left, listeners, sockets, timers, heapPerCall: grown / calls });
// The size of the heap after a collection varies by some hundred kB.
if (left > 0 || listeners > 0 || sockets > 0 || timers > 0 || grown > 1_000_000) {
  console.error('Not everything was released: see the figures.');
  process.exitCode = 1;
}
