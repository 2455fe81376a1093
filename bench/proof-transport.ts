/**
 * `npm run proof:transport`: 100,000 requests by way of `kyoa/undici`, half of them aborted at a random moment of any
 * phase, against a server that answers in every way, and at the end nothing is left: no socket, no listener, no timer
 * and, after as many requests again, no heap. `--calls=2000` for fewer.
 */
import { getEventListeners, once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createListener, type AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { undici } from '../adapters/transport/undici/undici.ts';
import { openSockets } from '../test/support/sockets.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '100000' } } });
const calls = Number(values.calls);
const inFlight = 64;

const encoded = gzipSync('kyoa '.repeat(20_000));
const long = Buffer.alloc(200_000, 'kyoa ');
const answers: Readonly<Record<string, (answer: ServerResponse) => void>> = {
  short: (answer) => answer.end('{"ok":true}'),
  long: (answer) => answer.end(long),
  encoded: (answer) => answer.setHeader('content-encoding', 'gzip').end(encoded),
  redirect: (answer) => answer.writeHead(302, { location: '/short' }).end(),
  slow: (answer) => void setTimeout(() => answer.end('late'), 3),
  drip(answer) {
    answer.write('a');
    setTimeout(() => answer.end('b'), 3);
  },
  reset: (answer) => answer.socket?.resetAndDestroy(),
  silent: () => {},
  stuck: (answer) => void answer.write('a'),
};
const kinds = Object.keys(answers);

const server = createServer((request, answer) => {
  answer.on('error', () => {});
  const [, kind = ''] = request.url!.split('/');
  request.on('error', () => {}).resume();
  if (request.method === 'GET' || kind === 'reset') answers[kind]!(answer);
  else request.on('end', () => answers[kind]!(answer));
});
/** Takes connections and says no word of TLS. */
const stalling = createListener((socket) => socket.on('error', () => {}).resume());
for (const listener of [server, stalling]) {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
}
const ports = [server, stalling].map((listener) => (listener.address() as AddressInfo).port);
const origin = `http://127.0.0.1:${ports[0]}`;
const stalled = `https://127.0.0.1:${ports[1]}`;

const shared = new AbortController();
const transport = undici({ connections: 48, connect: 5_000, headers: 5_000, body: 5_000, write: 5_000 });
const outcomes: Record<string, number> = {};

async function one(n: number): Promise<void> {
  const kind = kinds[n % kinds.length]!;
  const url = n % 50 === 7 ? stalled : `${origin}/${kind}/${n}`;
  const controller = new AbortController();
  const aborts = Math.random() < 0.5 || kind === 'silent' || kind === 'stuck' || url === stalled;
  const timer = aborts ? setTimeout(() => controller.abort(), 30 * Math.random() ** 2) : undefined;
  const init: RequestInit = { signal: n % 3 === 0 && !aborts ? shared.signal : controller.signal };
  if (n % 5 === 0) Object.assign(init, { method: 'POST', body: n % 10 === 0 ? 'short' : long });
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

/** What is on the heap once nothing is under way, bytes. */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 5; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

await run(Math.ceil(calls / 10)); // the compiler's, and what is made once
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
server.closeAllConnections();

const grown = after - before;
console.log(outcomes);
console.log({ calls, left, listeners, sockets, timers, heapPerCall: grown / calls });
// What a collection leaves behind varies by some hundred kB from one to the next.
if (left > 0 || listeners > 0 || sockets > 0 || timers > 0 || grown > 1_000_000) {
  console.error('Something is left.');
  process.exitCode = 1;
}
