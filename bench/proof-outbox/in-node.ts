/**
 * The proof in Node. In each round four processes make orders, in three lanes, while processes are killed and frozen and the
 * server goes away and fails. Then nothing fails, and the ledger must have all that was promised.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

import { outbox } from '../../src/outbox.ts';
import { startRedis } from '../../test/support/redis.ts';
import { random } from '../lib/simulate.ts';
import { judge, type Judgement } from './judge.ts';
import { linesOf, noFaults, type Faults } from './ledger.ts';
import { Server, until, Worker } from './processes.ts';
import { open, type Note, type Task } from './worker.ts';

export type Kind = 'file' | 'redis';

interface Judged extends Judgement {
  /** Since the server was started. */
  readonly requests: number;
}

export interface Round extends Judged {
  readonly round: number;
  readonly kills: number;
  readonly freezes: number;
  readonly absences: number;
}

export interface Size {
  readonly entries: number;
  /** Those of the entries that are still there in two minutes: not the responses of the last minute. */
  readonly lasting: number;
  readonly bytes: number;
}

export interface Calm {
  readonly kept: number;
  readonly requests: number;
  readonly faults: readonly string[];
}

export interface Site extends AsyncDisposable {
  /** The server is away, and comes back: nothing else fails. Each order is then sent once. */
  readonly calm: () => Promise<Calm>;
  readonly round: () => Promise<Round>;
  readonly size: () => Promise<Size>;
  /** The processes; the first one is frozen and not killed if `spares`. */
  readonly workers: readonly Worker[];
}

const processes = 4;
const lease = 1_000;

/** `chaos`: how long processes are killed in a round, ms. */
export async function openSite(
  kind: Kind,
  options: { readonly seed: number; readonly chaos: number; readonly keep: number; readonly spares?: boolean },
): Promise<Site> {
  const { chaos, keep, spares = false } = options;
  const chance = random(options.seed);
  const seed = (): number => Math.floor(chance() * 2 ** 31);
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
  const redis = kind === 'redis' ? await startRedis() : undefined;
  const place = redis?.url ?? join(folder, 'outbox.db');
  const ledgerOf = (round: number): string => join(folder, `ledger-${round}`);
  const server = await Server.start(ledgerOf(1), seed);
  const task = (): Task => ({ storage: { kind, place }, url: server.url, lease, keep, seed: seed(), pause: 60 });
  const workers = Array.from({ length: processes }, () => new Worker(task));
  const storage = await open({ kind, place });
  const list = outbox({ storage });
  let round = 0;

  const begin = async (): Promise<string> => {
    round += 1;
    const notes = join(folder, `notes-${round}`);
    for (const worker of workers) worker.send({ notes });
    await until(() => workers.every(({ isUp }) => isUp), 200, 'the processes are up');
    return notes;
  };
  /** All that was made has arrived. Resolves to what the ledger and the callers say. */
  const finish = async (notes: string, seen: ReadonlySet<string> = new Set()): Promise<Judged> => {
    for (const worker of workers) worker.send('stop');
    await until(() => workers.every(({ isIdle }) => isIdle), 120, 'all calls have resolved');
    await server.come(noFaults);
    await until(async () => (await list.waiting()).length === 0, 200, 'nothing waits');
    const { requests } = server;
    const executions = await server.turnPage(ledgerOf(round + 1));
    const made = linesOf(notes).map((line) => JSON.parse(line) as Note);
    for (const path of [notes, ledgerOf(round)]) rmSync(path, { force: true });
    return { ...judge(executions, made, seen), requests };
  };

  const calm = async (): Promise<Calm> => {
    await server.go();
    const notes = await begin();
    await sleep(1_500);
    const { kept, sent, requests, faults } = await finish(notes);
    const isOnce = requests === kept + sent;
    return { kept, requests, faults: isOnce ? faults : [...faults, `${requests} requests for ${kept + sent} orders`] };
  };

  const run = async (): Promise<Round> => {
    const count = { kills: 0, freezes: 0, absences: 0 };
    const seen = new Set<string>();
    let isOver = false;
    const watching = (async () => {
      for (; !isOver; await sleep(25)) for (const { id } of await list.waiting()) seen.add(id);
    })();
    watching.catch(() => {}); // it is awaited below, unless the round fails
    const notes = await begin();

    const end = performance.now() + chaos;
    const between = (from: number, to: number): Promise<void> => sleep(from + chance() * (to - from));
    const killing = async (): Promise<void> => {
      for (await between(0, 500); performance.now() < end; await between(200, 1_500)) {
        const victims = workers.filter((worker, n) => worker.isUp && !(spares && n === 0));
        if (victims.length === 0) continue;
        victims[Math.floor(chance() * victims.length)]!.kill();
        count.kills += 1;
      }
    };
    const freezing = async (): Promise<void> => {
      for (await between(0, 800); performance.now() < end; await between(100, 800)) {
        const victim = workers[Math.floor(chance() * workers.length)]!;
        victim.freeze();
        count.freezes += 1;
        await between(50, 2.5 * lease);
        victim.thaw();
      }
    };
    const breaking = async (): Promise<void> => {
      while (performance.now() < end) {
        await server.come(faultsOf(chance));
        await between(100, 800);
        if (chance() < 0.5) continue;
        await server.go();
        count.absences += 1;
        await between(50, 800);
      }
    };
    await Promise.all([killing(), freezing(), breaking()]);
    await server.come(noFaults);
    const judged = await finish(notes, seen);
    isOver = true;
    await watching;
    return { round, ...count, ...judged };
  };

  return {
    workers,
    calm,
    round: run,
    size: () => (kind === 'file' ? sizeOfFile(place) : sizeOfRedis(place)),
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.end();
      await server.go();
      await storage[Symbol.asyncDispose]();
      await redis?.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function faultsOf(chance: () => number): Faults {
  const share = (): number => (chance() < 0.5 ? 0 : 0.3 * chance());
  return { refused: share(), cutBefore: share(), cutAfter: share(), delay: chance() < 0.2 ? 300 : 20 };
}

const twoMinutes = 120_000;

async function sizeOfFile(path: string): Promise<Size> {
  using db = new DatabaseSync(path, { readOnly: true });
  const counts = db.prepare('SELECT count(*) AS entries, count(*) FILTER (WHERE expires > ?) AS lasting FROM entry');
  const { entries, lasting } = counts.get(Date.now() + twoMinutes) as Omit<Size, 'bytes'>;
  const bytes = [path, `${path}-wal`].map((name) => statSync(name, { throwIfNoEntry: false })?.size ?? 0);
  return { entries, lasting, bytes: bytes.reduce((sum, size) => sum + size) };
}

async function sizeOfRedis(url: string): Promise<Size> {
  const client = await createClient({ url }).connect();
  const bytes = Number(/used_memory_dataset:(\d+)/.exec(await client.info('memory'))![1]);
  const keys = await client.keys('*');
  const times = await Promise.all(keys.map((key) => client.pTTL(key)));
  client.destroy();
  return { entries: keys.length, lasting: times.filter((left) => left > twoMinutes || left === -1).length, bytes };
}
