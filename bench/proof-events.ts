/**
 * `npm run proof:events`: reads 10,000 events of a server that dies every 20 events in the middle of the next one, closes
 * every 7th connection at once after its headers, and begins every 3rd one with events that it has sent before; in Node over
 * both transports and HTTP/2, and in Chromium. None may be missing, and none may come twice. Then it counts the requests to
 * a server that closes each connection at once. The peers that are installed do the same. `--smoke` reads 200 events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright';
import { undici } from '../adapters/transport/undici/undici.ts';
import type { Fetch } from '../src/index.ts';
import { findChromium, root } from '../test/support/lanes.ts';
import { faultServer, type FaultServer } from '../test/support/faults.ts';
import { bundleModule } from '../test/runtimes/bundle.ts';
import { installed, versionsOf } from './lib/report.ts';
import { peers } from './proof-events/peers.ts';
import { read, readers, type Reader, type Received } from './proof-events/readers.ts';

const smoke = process.argv.includes('--smoke');
const total = smoke ? 200 : 10_000;
const feed = `/feed?total=${total}&cut=20&empty=7&repeat=3&gap=5`;
const table: Record<string, string | number>[] = [];

async function prove(runtime: string, name: string, server: FaultServer, work: () => Promise<Received>): Promise<void> {
  server.reset();
  const received = await work();
  await server.until(({ busy }) => busy.length === 0);
  table.push({ runtime, reader: name, ...received, requests: server.requests.length });
}

async function proveInNode(runtime: string, server: FaultServer, transports: Record<string, Fetch>): Promise<void> {
  for (const [name, reader] of Object.entries(readers(transports)))
    await prove(runtime, name, server, () => read(reader, server.url(feed), total));
}

async function proveInChromium(server: FaultServer): Promise<void> {
  const path = findChromium();
  const browser = await chromium.launch({
    ...(path && { executablePath: path }),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage();
    await page.goto(server.url('/ok'));
    await page.addScriptTag({
      type: 'module',
      content: await bundleModule(root, { entry: `import './bench/proof-events/page.ts';` }),
    });
    await page.waitForFunction('globalThis.readFeed');
    for (const name of (await page.evaluate('names')) as string[]) {
      const call = `readFeed(${[name, server.url(feed), total].map((value) => JSON.stringify(value)).join()})`;
      await prove('Chromium', name, server, () => page.evaluate(call));
    }
  } finally {
    await browser.close();
  }
}

/** Requests in 10 s to a server that sends `retry: 10` and closes each connection, side by side. */
async function requestsInVain(all: Readonly<Record<string, Reader>>): Promise<object> {
  const seconds = smoke ? 1 : 10;
  const rows = Object.entries(all).map(async ([name, reader]) => {
    await using server = await faultServer();
    void reader(server.url('/feed?empty=1&retry=10'), () => true); // until the end of this process
    await sleep(seconds * 1_000);
    return { reader: name, seconds, requests: server.requests.length };
  });
  return Promise.all(rows);
}

const server = await faultServer();
const http2 = await faultServer({ http2: true });
const transport = undici();
const overHttp2 = undici({ tls: { ca: http2.ca } });
await proveInNode('Node', server, { fetch: (input, init) => fetch(input, init), 'undici()': transport });
await proveInNode('Node, HTTP/2', http2, { 'undici()': overHttp2 });
await proveInChromium(server);
const versions = await versionsOf(Object.values(peers).flatMap(({ packages }) => packages));
const others = Object.fromEntries(
  await Promise.all(installed(peers, versions).map(async ([name, peer]) => [name, await peer.make()] as const)),
);
for (const [name, reader] of Object.entries(others))
  await prove('Node', name, server, () => read(reader, server.url(feed), total));
await Promise.all([transport.close(), overHttp2.close(), server.close(), http2.close()]);
console.table(table);
console.table(await requestsInVain({ 'events(fetch)': readers({ fetch })['events(fetch)']!, ...others }));

const ours = table.filter(({ reader }) => String(reader).startsWith('events('));
const proved = ours.length === 12 && ours.every(({ missing, twice }) => missing === 0 && twice === 0);
console.log(proved ? 'proved: no event was missing, and none came twice' : 'NOT PROVED: see the table');
process.exit(proved ? 0 : 1);
