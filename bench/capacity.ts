/**
 * `npm run bench:capacity`: what a call costs on each store, what a record occupies, and how the load of a Redis grows with
 * the clients that share it. docs/production.md has the tables and the formulas; `npm run docs:draw` draws its picture from
 * the last table.
 *
 * The calls reach a stubbed fetch, so that only the stack and the store are measured. All kinds of calls and all stores take
 * turns in one process. `--only=redis` measures the shared Redis alone. `--smoke` takes a few seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from 'redis';

import { redis } from '../adapters/storage/redis.ts';
import { createFetch, standard, type KyoaFetch, type Storage } from '../src/index.ts';
import { startRedis, type RedisServer } from '../test/support/redis.ts';
import {
  counted,
  cpuOf,
  inMemory,
  kinds,
  make,
  onDisk,
  onRedis,
  repeated,
  respond,
  settled,
  type Kind,
  type Store,
} from './lib/capacity.ts';
import { printHead, printTable, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const rounds = smoke ? 1 : 15;
/** Rounds that are not counted: V8 compiles. */
const warmUp = smoke ? 1 : 3;
/** Clients of the shared Redis, each with a connection of its own. */
const crowds = smoke ? [1, 5] : [1, 10, 100, 300, 1_000];
/** What each client of the crowd does: so many POSTs with a requestId, one every `pause` ms. */
const calls = smoke ? 2 : 4;
const pause = smoke ? 300 : 2_000;

/** What of a client is in the shared Redis. */
const shares = {
  alone: (storage: Storage) => createFetch({ use: standard({ idempotency: { storage } }), fetch: respond }),
  all: (storage: Storage) => createFetch({ use: standard(), storage, fetch: respond }),
};

await using server = await disposable();
await using power = onDisk('power');
await using process_ = onDisk('process');
await using shared = await onRedis(server);
await using embedded = inMemory();
const stores: Record<string, Store> = {
  'memory()': embedded,
  "file(), 'process'": process_,
  "file(), 'power'": power,
  'redis()': shared,
};

printHead('Calls over a stubbed fetch, 32 in flight.', await versionsOf(['redis']));
if (!process.argv.includes('--only=redis')) {
  await costs();
  await records();
}
await crowd();

async function costs(): Promise<void> {
  const contenders = Object.entries(kinds).flatMap(([kind, { client, call }]: [string, Kind]) =>
    Object.entries(stores)
      .filter(([name]) => kind !== 'no policies' || name === 'memory()')
      .map(([name, store]) => ({ kind, name, store, call, fetch: client(store.storage), samples: [] as Sample[] })),
  );
  let next = repeated;
  for (let round = 0; round < warmUp + rounds; round += 1) {
    for (const { kind, name, store, call, fetch, samples } of contenders) {
      const calls = smoke ? 70 : callsOf(kind, name);
      const first = kind === 'the same, repeated' ? 0 : (next += calls);
      const before = { operations: store.operations(), cpu: process.cpuUsage(), time: performance.now() };
      await make(calls, (index) => call(fetch, first + index));
      const ms = performance.now() - before.time;
      await settled(store);
      const { user, system } = process.cpuUsage(before.cpu);
      const operations = (store.operations() - before.operations) / calls;
      if (round >= warmUp) samples.push({ ms: ms / calls, cpu: (user + system) / calls, operations });
    }
  }
  const base = contenders.find(({ kind }) => kind === 'GET, standard()')!.samples;
  const rows = contenders.map(({ kind, name, samples }) => {
    const [ms, cpu] = [median(samples.map((s) => s.ms)), median(samples.map((s) => s.cpu))];
    const operations = median(samples.map((s) => s.operations));
    const ratio = median(samples.map((s, round) => s.cpu / base[round]!.cpu));
    return [kind, name, 1_000 / ms, cpu, ratio.toFixed(2), operations.toFixed(operations < 0.1 ? 0 : 1)];
  });
  printTable(['store', 'calls/s', 'CPU, us a call', "over standard()'s", 'operations a call'], rows, 'call');
}

/** About a tenth of a second. */
function callsOf(kind: string, store: string): number {
  if (kind === 'POST with requestId' && store.includes('power')) return 60;
  return kind === 'no policies' || kind === 'GET, standard()' ? 2_000 : 300;
}

interface Sample {
  readonly ms: number;
  /** us. */
  readonly cpu: number;
  readonly operations: number;
}

async function records(): Promise<void> {
  const count = smoke ? 100 : 10_000;
  const rows: (string | number)[][] = [];
  for (const [name, store] of Object.entries(stores).filter(([name]) => !name.includes('power'))) {
    const cells: number[] = [];
    for (const kind of ['POST with requestId', 'GET, with staleIfError()'] as const) {
      const { client, call } = kinds[kind];
      const fetch = client(store.storage);
      const before = await store.size();
      await make(count, (n) => call(fetch, 1_000_000 + n));
      await settled(store);
      cells.push(((await store.size()) - before) / count);
    }
    rows.push([name, ...cells]);
  }
  printTable(['of requestId, bytes', 'of staleIfError(), bytes'], rows, 'record');
}

/** Measures the Redis under crowds of clients, and compares it with the model. */
async function crowd(): Promise<void> {
  await using monitor = await connected();
  const idle = await during(monitor, () => sleep(smoke ? 200 : 3_000));
  const measured: Record<string, Crowd[]> = { alone: [], all: [] };
  for (const clients of crowds) {
    for (const [what, use] of Object.entries(shares)) measured[what]!.push(await measure(monitor, clients, use));
  }

  const loads = [];
  for (const atOnce of smoke ? [1, 8] : [1, 8, 64, 512]) loads.push(await load(monitor, atOnce));
  printTable(
    ['POSTs/s', 'of a core of Redis', 'us of Redis an operation'],
    loads.map(({ atOnce, posts, busy, cost }) => [String(atOnce), posts, percent(busy), (cost * 1e6).toFixed(1)]),
    'POSTs in flight, their operations alone',
  );

  // The model is for a busy Redis: with few operations a second it wakes for each of them.
  const { cost } = loads.at(-1)!;
  const model = (calls: number): number => idle.busy + calls * 3 * cost;
  console.log(`\nmodel: idle ${percent(idle.busy)}, t ${(cost * 1e6).toFixed(1)} us`);
  for (const [what, rows] of Object.entries(measured)) {
    printTable(
      ['calls/s', 'operations a call', 'of a core of Redis', 'by the model', 'p50 of a call, ms'],
      rows.map(({ clients, calls, operations, busy, p50 }) => {
        return [
          String(clients),
          calls,
          (operations / calls).toFixed(1),
          percent(busy),
          percent(model(calls)),
          p50.toFixed(1),
        ];
      }),
      what === 'alone' ? 'clients, Redis for idempotency alone' : 'clients, Redis for everything',
    );
  }
  const most = (0.7 - idle.busy) / (3 * cost);
  console.log(`\na core of Redis is 70 % busy with ${Math.round(most)} POSTs a second, of any number of clients`);
}

interface Crowd {
  readonly clients: number;
  readonly calls: number;
  readonly operations: number;
  /** The share of a core. */
  readonly busy: number;
  readonly p50: number;
}

async function measure(monitor: Monitor, clients: number, use: (storage: Storage) => KyoaFetch): Promise<Crowd> {
  const connections = await Promise.all(
    Array.from({ length: clients }, () => createClient({ url: server.url }).connect()),
  );
  const prefix = `crowd-${clients}-${performance.now()}:`;
  const stores = connections.map((connection) => counted(redis(connection, { prefix })));
  const latencies: number[] = [];
  const { elapsed, busy } = await during(monitor, () =>
    Promise.all(
      stores.map(async ({ storage }, who) => {
        const fetch = use(storage);
        await sleep((who / clients) * pause); // evenly spread
        for (let turn = 0; turn < calls; turn += 1) {
          const started = performance.now();
          await (await kinds['POST with requestId'].call(fetch, who * calls + turn)).text();
          latencies.push(performance.now() - started);
          await sleep(Math.max(0, pause - (performance.now() - started)));
        }
      }),
    ),
  );
  const operations = stores.reduce((sum, store) => sum + store.operations(), 0);
  await Promise.all(connections.map((connection) => connection.close()));
  return { clients, calls: latencies.length / elapsed, operations: operations / elapsed, busy, p50: median(latencies) };
}

/** The operations of POSTs with a requestId, without the POSTs: look, take the lease, store the response. */
async function load(monitor: Monitor, atOnce: number) {
  const connections = await Promise.all(Array.from({ length: 8 }, () => createClient({ url: server.url }).connect()));
  const stores = connections.map((connection) => redis(connection, { prefix: `load-${atOnce}:` }));
  const value = 'x'.repeat(900);
  let posts = 0;
  let running = true;
  const post = async (who: number): Promise<void> => {
    const storage = stores[who % stores.length]!;
    while (running) {
      const key = `order-${(posts += 1)}`;
      await storage.get(key);
      const version = await storage.set(key, value.slice(600), { ttl: 60_000, ifVersion: null });
      await storage.set(key, value, { ttl: 60_000, ifVersion: version! });
    }
  };
  const { elapsed, busy } = await during(monitor, async () => {
    const all = Array.from({ length: atOnce }, (_, who) => post(who));
    await sleep(smoke ? 200 : 3_000);
    running = false;
    await Promise.all(all);
  });
  await Promise.all(connections.map((connection) => connection.close()));
  return { atOnce, posts: posts / elapsed, busy, cost: (busy * elapsed) / (posts * 3) };
}

type Monitor = Awaited<ReturnType<typeof connected>>;

async function connected() {
  const client = await createClient({ url: server.url }).connect();
  return { info: (section: string) => client.info(section), [Symbol.asyncDispose]: () => client.close() };
}

/** How long some work takes, s, and which share of a core Redis uses meanwhile. */
async function during(monitor: Monitor, work: () => Promise<unknown>): Promise<{ elapsed: number; busy: number }> {
  const before = { cpu: await cpuOf(monitor), time: performance.now() };
  await work();
  const elapsed = (performance.now() - before.time) / 1_000;
  return { elapsed, busy: ((await cpuOf(monitor)) - before.cpu) / elapsed };
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

async function disposable(): Promise<RedisServer & AsyncDisposable> {
  const started = await startRedis();
  return { ...started, [Symbol.asyncDispose]: started.stop };
}
