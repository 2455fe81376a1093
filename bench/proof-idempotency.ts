/**
 * `npm run proof:idempotency`: four processes make 2,000 calls each for the same 500 request ids, with a file and with
 * Redis as their storage. The server must execute each request id once, and all callers must get the same response, also
 * while a process is killed every second.
 *
 * `--smoke` takes a few seconds. `file` or `redis` as an argument selects one storage.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startRedis } from '../test/support/redis.ts';
import type { Result, Task } from './proof-idempotency-worker.ts';

const smoke = process.argv.includes('--smoke');
const kinds = (['file', 'redis'] as const).filter((kind, _, all) =>
  all.some((name) => process.argv.includes(name)) ? process.argv.includes(kind) : true,
);
const processes = 4;
const size = smoke ? { calls: 160, ids: 40 } : { calls: 2_000, ids: 500 };
const lanes = 16;

interface Scenario {
  /** A server that executes every request, or one that executes a key once. A crash of a client requires the latter. */
  readonly server: 'executes every request' | 'executes a key once';
  /** A process is killed `every` ms, at most `most` times. Absent: no process is killed. */
  readonly kills?: { readonly every: number; readonly most: number };
  /** ms; absent: the default. A short lease is taken over soon after its process was killed. */
  readonly lease?: number;
  /** How long the server works on a request, ms: from, to. */
  readonly effort: readonly [number, number];
  /** The average pause before each call of a lane, ms. It spreads the calls over time, so that kills interrupt some. */
  readonly pause: number;
}

const crash = { server: 'executes a key once', pause: 60 } as const;
const scenarios: readonly Scenario[] = [
  { server: 'executes every request', effort: [5, 50], pause: 0 },
  smoke
    ? { ...crash, kills: { every: 500, most: 4 }, lease: 1_000, effort: [20, 100] }
    : { ...crash, kills: { every: 1_000, most: Infinity }, lease: 2_000, effort: [50, 200] },
];

type Row = Readonly<Record<string, string | number>>;

const table: Row[] = [];
for (const kind of kinds) {
  for (const scenario of scenarios) table.push(await prove(kind, scenario));
}
console.table(table);

const proved = table.every(
  (row) =>
    row['executed'] === size.ids &&
    (row['server'] === crash.server || row['received'] === size.ids) &&
    row['responses'] === processes * size.calls &&
    row['ids with two responses'] === 0,
);
console.log(
  proved ? 'proved: each request was executed once, with one response for all callers' : 'NOT PROVED: see the table',
);
process.exitCode = proved ? 0 : 1;

async function prove(kind: Task['storage']['kind'], scenario: Scenario): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
  const redis = kind === 'redis' ? await startRedis() : undefined;
  const shop = await open(scenario);
  const started = performance.now();
  try {
    const place = redis?.url ?? join(folder, 'store.db');
    const { pause, lease } = scenario;
    const task = { storage: { kind, place }, url: shop.url, lanes, pause, lease };
    const { results, kills } = await run(task, scenario.kills);
    const byId = new Map<string, Set<string>>();
    for (const { id, body } of results) byId.set(id, (byId.get(id) ?? new Set()).add(body));
    return {
      storage: kind,
      server: scenario.server,
      'kill -9': kills,
      responses: results.length,
      ids: byId.size,
      executed: shop.executed(),
      received: shop.received(),
      replayed: results.filter(({ replayed }) => replayed).length,
      'ids with two responses': [...byId.values()].filter((all) => all.size > 1).length,
      seconds: Number(((performance.now() - started) / 1_000).toFixed(1)),
    };
  } finally {
    await shop.close();
    await redis?.stop();
    rmSync(folder, { recursive: true });
  }
}

interface Run {
  readonly results: readonly Result[];
  readonly kills: number;
}

/** Every process makes all its calls. A process that was killed is replaced by another, which makes the remaining calls. */
async function run(task: Omit<Task, 'calls'>, killing: Scenario['kills']): Promise<Run> {
  const results: Result[] = [];
  const running = new Set<ChildProcess>();
  let kills = 0;

  const worker = async (): Promise<void> => {
    // Successive calls have the same request id, and all processes use the same ids at about the same time.
    const left = new Map(
      Array.from({ length: size.calls }, (_, call) => [call, `order-${Math.floor((call * size.ids) / size.calls)}`]),
    );
    while (left.size > 0) {
      const child = fork(join(import.meta.dirname, 'proof-idempotency-worker.ts'), { stdio: 'inherit' });
      child.on('message', (message) => {
        if (message === 'ready') {
          running.add(child);
          const calls = Array.from(left, ([call, id]) => ({ call, id }));
          child.send({ ...task, calls } satisfies Task, () => {});
          return;
        }
        const result = message as Result;
        left.delete(result.call);
        results.push(result);
      });
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      running.delete(child);
      if (signal !== 'SIGKILL' && code !== 0) throw new Error(`A process ended with ${code ?? signal}`);
    }
  };

  const over = new AbortController();
  const reaper = async (): Promise<void> => {
    while (killing !== undefined && kills < killing.most) {
      await sleep(killing.every, undefined, { signal: over.signal });
      const alive = [...running];
      const victim = alive[Math.floor(Math.random() * alive.length)];
      if (victim?.kill('SIGKILL') !== true) continue;
      running.delete(victim);
      kills += 1;
    }
  };
  const reaping = reaper().catch(() => {});
  await Promise.all(Array.from({ length: processes }, worker));
  over.abort();
  await reaping;
  return { results, kills };
}

interface Shop {
  readonly url: string;
  /** The number of executions. */
  readonly executed: () => number;
  /** The number of requests. */
  readonly received: () => number;
  readonly close: () => Promise<void>;
}

async function open({ server: kind, effort: [from, to] }: Scenario): Promise<Shop> {
  let [executed, received] = [0, 0];
  const bodies = new Map<string, Promise<string>>();
  const execute = async (): Promise<string> => {
    executed += 1;
    await sleep(from + Math.random() * (to - from));
    return crypto.randomUUID();
  };
  const server: Server = createServer(async (request, response) => {
    request.resume();
    received += 1;
    const key = String(request.headers['idempotency-key']);
    const body = (kind === 'executes a key once' ? bodies.get(key) : undefined) ?? execute();
    bodies.set(key, body);
    response.end(await body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    executed: () => executed,
    received: () => received,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
