/**
 * `npm run proof:soak`: for 20 minutes, callers of every kind send requests through the whole catalogue of policies, over the
 * global fetch and over `undici()`: they read, abort, cancel, clone, or drop the response unread, many of them under a signal
 * that lives as long as the process. After each round nothing may be left, and the heap may not grow.
 * `--minutes=0.2 --rounds=2` takes less time.
 */
import { getEventListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { file } from '../adapters/storage/file.ts';
import { undici } from '../adapters/transport/undici/undici.ts';
import {
  adaptive,
  breaker,
  constant,
  createFetch,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  latest,
  limit,
  log,
  metrics,
  observe,
  retry,
  staleIfError,
  timeout,
  trace,
  type KyoaFetch,
} from '../src/index.ts';
import { openSockets } from '../test/support/sockets.ts';
import { printTable } from './lib/report.ts';
import { soakServer, ways, type Way } from './lib/soak-server.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, rounds: { type: 'string', default: '10' } },
});
const rounds = Number(values.rounds);
const roundTime = (Number(values.minutes) * 60_000) / rounds;
const inFlight = 48;
/** What a stored response and a lease live. A round ends with a wait for them. */
const ttl = 1_000;

const folder = await mkdtemp(join(tmpdir(), 'kyoa-soak-'));
const storage = file(join(folder, 'soak.db'), { durability: 'process' });
const servers = [await soakServer(), await soakServer()];
const transports = { 'the global fetch': undefined, 'undici()': undici({ connections: 64 }) };

const permits = limit({ concurrency: 40, queue: 200 });
const counted = metrics();
const route = endpoints(servers.map(({ origin }) => ({ url: origin })));
const use = [
  log({ service: 'soak', write: () => {} }),
  trace(),
  counted,
  observe(() => {}),
  fallback(() => ({ substitute: true })),
  staleIfError({ ttl }),
  timeout({ total: 1_500, idle: 300 }),
  latest({ key: (ctx) => ctx.header('x-latest') ?? undefined }),
  dedupe(),
  idempotency({ lease: ttl, ttl }),
  retry({ retries: 2, backoff: constant(2) }),
  hedge({ ratio: 0.05 }),
  breaker({ cooldown: 50 }),
  route,
  permits,
  timeout({ headers: adaptive({ min: 50, max: 500, initial: 300 }) }),
];
const fetches = Object.values(transports).map((fetch) => createFetch({ use, storage, ...(fetch && { fetch }) }));

const lasting = new AbortController().signal;
const outcomes: Record<string, number> = {};

type Caller = (response: Response) => unknown;
const readers: readonly Caller[] = [
  (response) => response.text(),
  (response) => response.arrayBuffer(),
  (response) => response.body?.pipeTo(new WritableStream()),
  (response) => Promise.all([response.clone().text(), response.text()]),
];
/** They do not wait for the end of a body. */
const leavers: readonly Caller[] = [
  (response) => response.body?.cancel(),
  (response) => void response.clone(),
  (response) => response.body?.getReader().read(),
  () => {},
];

function pick<Value>(list: readonly Value[]): Value {
  return list[Math.floor(Math.random() * list.length)]!;
}

function initOf(way: Way, signal: AbortSignal): RequestInit & { requestId?: string } {
  const latestOf = Math.random() < 0.1 ? { 'x-latest': 'search' } : {};
  if (Math.random() < 0.6 || way === 'events') return { signal, headers: latestOf };
  const body = pick([() => '{"a":1}', () => new Blob(['bytes']).stream(), () => new FormData()])();
  const requestId = Math.random() < 0.5 ? { requestId: `order-${Math.floor(Math.random() * 1_000)}` } : {};
  return Object.assign({ method: 'POST', body, signal, headers: latestOf, ...requestId }, { duplex: 'half' });
}

async function call(fetch: KyoaFetch): Promise<void> {
  const way = pick(ways);
  const leaving = new AbortController();
  const leaves = Math.random() < 0.3;
  const timer = leaves ? setTimeout(() => leaving.abort(), 60 * Math.random() ** 2) : undefined;
  const init = initOf(way, leaves ? leaving.signal : lasting);
  const url = `${servers[0]!.origin}/${way}?n=${Math.floor(Math.random() * 20)}`;
  try {
    const response = await (Math.random() < 0.3 ? fetch(new Request(url, init)) : fetch(url, init));
    await pick(way === 'events' || Math.random() < 0.4 ? leavers : readers)(response);
    count(String(response.status));
  } catch (error) {
    count((error as Error).name);
  } finally {
    clearTimeout(timer);
  }
}

function count(outcome: string): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}

async function load(ms: number): Promise<number> {
  const end = performance.now() + ms;
  let calls = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      await call(pick(fetches));
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return calls;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Everything that a call may leave behind. All of it must be 0 after a round, except for the heap. */
async function left(): Promise<Record<string, number>> {
  const queues = Object.values(permits.snapshot());
  const pools = Object.values(transports['undici()'].stats());
  const ports = servers.map(({ origin }) => Number(new URL(origin).port));
  const busy = openSockets().filter(({ remotePort, referenced }) => referenced && ports.includes(remotePort));
  const live = database.prepare(`SELECT count(*) AS rows FROM entry WHERE expires > ? AND key NOT LIKE 'latency%'`);
  return {
    'in flight': counted.snapshot().inFlight,
    permits: queues.reduce((sum, { running, waiting }) => sum + running + waiting, 0),
    endpoints: route.snapshot().reduce((sum, { inFlight }) => sum + inFlight, 0),
    'pool requests': pools.reduce((sum, { running, pending, queued }) => sum + running + pending + queued, 0),
    'open responses': servers.reduce((sum, { open }) => sum + open, 0),
    'busy sockets': busy.length,
    listeners: getEventListeners(lasting, 'abort').length,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    rows: live.get(Date.now())!['rows'] as number,
  };
}

/** Waits until nothing is left, for 10 s at most. */
async function settled(): Promise<Record<string, number>> {
  for (let n = 0; ; n += 1) {
    collect();
    await sleep(50);
    const figures = await left();
    if (n === 200 || Object.values(figures).every((figure) => figure === 0)) return figures;
  }
}

const rows: (string | number)[][] = [];
const heaps: number[] = [];
let isClean = true;
let columns: string[] = [];
await load(Math.min(roundTime, 5_000)); // compiled code, and objects that are created once
const database = new DatabaseSync(join(folder, 'soak.db'), { readOnly: true });
await settled();
for (let round = 1; round <= rounds; round += 1) {
  const calls = await load(roundTime);
  const figures = await settled();
  collect();
  const heap = process.memoryUsage().heapUsed / 1e6;
  heaps.push(heap);
  isClean &&= Object.values(figures).every((figure) => figure === 0);
  columns = ['calls', ...Object.keys(figures), 'heap, MB'];
  rows.push([round, calls, ...Object.values(figures), heap.toFixed(2)]);
  console.log(`round ${round} of ${rounds}: ${calls} calls, heap ${heap.toFixed(2)} MB, ${JSON.stringify(figures)}`);
}

database.close();
await storage.close();
await transports['undici()'].close();
for (const server of servers) await server.close();
await rm(folder, { recursive: true });

const growth = heaps.at(-1)! - heaps[0]!;
printTable(columns, rows, 'round');
console.log(outcomes);
console.log(`The heap has grown by ${growth.toFixed(2)} MB from the first round to the last.`);
// The size of the heap after a collection varies by some hundred kB.
if (!isClean || growth > 2) {
  console.error('Not everything was released: see the table.');
  process.exitCode = 1;
}
