/**
 * `npm run proof:idempotency`: four processes make 2,000 calls each for the same 500 requests, on a file and on Redis.
 * The server must do each of them once, and everybody must get the same answer for it: also when a process is killed
 * every second. `--smoke` takes seconds; `file` or `redis` alone proves that one only.
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
import type { Answered, Task } from './proof-idempotency-worker.ts';

const smoke = process.argv.includes('--smoke');
const kinds = (['file', 'redis'] as const).filter((kind, _, all) =>
  all.some((name) => process.argv.includes(name)) ? process.argv.includes(kind) : true,
);
const processes = 4;
const size = smoke ? { calls: 160, ids: 40 } : { calls: 2_000, ids: 500 };
const lanes = 16;

interface Scenario {
  /** A server that does whatever arrives, or one that recognises a key, as it must after a crash. */
  readonly server: 'does what arrives' | 'knows its keys';
  /** A process is killed every so often, ms, up to so many times; absent: none is. */
  readonly kills?: { readonly every: number; readonly most: number };
  /** ms; absent: the default, for processes that live. */
  readonly lease?: number;
  /** How long a piece of work takes, ms: from, to. */
  readonly effort: readonly [number, number];
  /** Between the calls of a lane, on average, ms: spreads them, so that there is something to interrupt. */
  readonly pause: number;
}

const scenarios: readonly Scenario[] = [
  { server: 'does what arrives', effort: [5, 50], pause: 0 },
  smoke
    ? { server: 'knows its keys', kills: { every: 500, most: 4 }, lease: 1_000, effort: [20, 100], pause: 60 }
    : { server: 'knows its keys', kills: { every: 1_000, most: Infinity }, lease: 2_000, effort: [50, 200], pause: 60 },
];

type Row = Readonly<Record<string, string | number>>;

const table: Row[] = [];
for (const kind of kinds) {
  for (const scenario of scenarios) table.push(await prove(kind, scenario));
}
console.table(table);

const proved = table.every(
  (row) =>
    row['done'] === size.ids &&
    (row['server'] === 'knows its keys' || row['arrived'] === size.ids) &&
    row['answered'] === processes * size.calls &&
    row['ids with two answers'] === 0,
);
console.log(proved ? 'proved: each request was done once, with one answer for all' : 'NOT PROVED: see the table');
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
    const { answers, kills } = await run(task, scenario.kills);
    const byId = new Map<string, Set<string>>();
    for (const { id, answer } of answers) byId.set(id, (byId.get(id) ?? new Set()).add(answer));
    return {
      storage: kind,
      server: scenario.server,
      'kill -9': kills,
      answered: answers.length,
      ids: byId.size,
      done: shop.done(),
      arrived: shop.arrived(),
      replayed: answers.filter(({ replayed }) => replayed).length,
      'ids with two answers': [...byId.values()].filter((all) => all.size > 1).length,
      seconds: Number(((performance.now() - started) / 1_000).toFixed(1)),
    };
  } finally {
    await shop.close();
    await redis?.stop();
    rmSync(folder, { recursive: true });
  }
}

interface Run {
  readonly answers: readonly Answered[];
  readonly kills: number;
}

/** Every process makes its calls to the end; one that was killed is followed by another, which makes those that are left. */
async function run(task: Omit<Task, 'calls'>, killing: Scenario['kills']): Promise<Run> {
  const answers: Answered[] = [];
  const running = new Set<ChildProcess>();
  let kills = 0;

  const worker = async (): Promise<void> => {
    // Neighbours in time are the same request, here and in the other processes.
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
        const answered = message as Answered;
        left.delete(answered.call);
        answers.push(answered);
      });
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      running.delete(child);
      if (signal !== 'SIGKILL' && code !== 0) throw new Error(`A process has ended with ${code ?? signal}`);
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
  return { answers, kills };
}

interface Shop {
  readonly url: string;
  /** Pieces of work. */
  readonly done: () => number;
  /** Requests. */
  readonly arrived: () => number;
  readonly close: () => Promise<void>;
}

async function open({ server: kind, effort: [from, to] }: Scenario): Promise<Shop> {
  let [done, arrived] = [0, 0];
  const answers = new Map<string, Promise<string>>();
  const work = async (): Promise<string> => {
    done += 1;
    await sleep(from + Math.random() * (to - from));
    return crypto.randomUUID();
  };
  const server: Server = createServer(async (request, response) => {
    request.resume();
    arrived += 1;
    const key = String(request.headers['idempotency-key']);
    const answer = (kind === 'knows its keys' ? answers.get(key) : undefined) ?? work();
    answers.set(key, answer);
    response.end(await answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    done: () => done,
    arrived: () => arrived,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
