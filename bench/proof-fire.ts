/**
 * `npm run proof:fire`: four processes call a server with the same request ids, on a file and on Redis. First nothing
 * fails, and the server must receive each id once. Then processes are killed and stopped, their clocks are set, their
 * disk is full, leases are deleted, and the store is locked, stopped, full, killed and restarted. Each second execution
 * in the ledger of the server must have a limit that docs/idempotency.md names, and no id may have two responses.
 *
 * `--seconds=120` is the time for each store. `--smoke` makes every fault once, within some seconds. `file` or `redis` as an
 * argument selects one store.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { makeFaults, type Fault } from './proof-fire/faults.ts';
import { judge, type Received } from './proof-fire/judge.ts';
import { openLedger } from './proof-fire/ledger.ts';
import { openStore, type Store } from './proof-fire/stores.ts';
import { startTeam, startWorker } from './proof-fire/team.ts';
import type { Report, Task } from './proof-fire/worker.ts';

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, smoke: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const seconds = values.smoke ? 1 : Number(values.seconds);
const kinds = (['file', 'redis'] as const).filter((kind) => positionals.length === 0 || positionals.includes(kind));
const lease = values.smoke ? 1_500 : 3_000;
const processes = 4;
const lanes = 8;

const rows: Record<string, string | number>[] = [];
const faulty: string[] = [];
for (const kind of kinds) {
  for (const fire of values.smoke ? [true] : [false, true]) rows.push(await prove(kind, fire));
}
for (const row of rows) console.log(row);
for (const line of faulty) console.log(line);
console.log(
  faulty.length === 0
    ? 'proved: no id has two responses, and every second execution has a limit that explains it'
    : 'NOT PROVED: see the lines above',
);
process.exitCode = faulty.length === 0 ? 0 : 1;

async function prove(kind: Store['kind'], fire: boolean): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
  const store = await openStore(kind, folder);
  const ledger = await openLedger([20, fire ? lease / 4 : 50]);
  const { place } = store;
  const task: Task = { storage: { kind, place }, url: ledger.url, lanes, lease, slot: fire ? lease / 10 : 50 };
  const received: Received[] = [];
  let refused = 0;
  const onReport = (report: Report, pid: number): void => {
    if (report === 'ready') return;
    if ('refused' in report) refused += 1;
    else received.push({ ...report, pid });
  };
  try {
    const until = performance.now() + (fire ? seconds : Math.min(seconds, 10)) * 1_000;
    const team = startTeam(processes, task, onReport);
    while (received.length === 0) await sleep(20);
    const faults = fire ? await makeFaults(team, store, lease, () => performance.now() > until) : await quiet(until);
    await team.stop();
    // What the store has in the end.
    await startWorker({ task, ids: [...new Set(ledger.executions.map(({ id }) => id))] }, onReport);

    const judged = judge(ledger.executions, received, faults, lease);
    const lines = [
      ...judged.unexplained.map((what) => `executed again without a reason: ${what}`),
      ...judged.twoResponses.map((id) => `two responses for ${id}`),
      ...judged.invented.map((id) => `a response that the server has not given for ${id}`),
    ];
    faulty.push(...lines.map((line) => `${kind}, ${fire ? 'fire' : 'calm'}: ${line}`));
    return {
      store: kind,
      faults: countByKind(faults),
      ids: judged.ids,
      received: received.length,
      'refused calls': refused,
      executions: judged.executions,
      'second executions, explained': Object.entries(judged.explained)
        .map((pair) => pair.join(' '))
        .join(', '),
      'not explained': judged.unexplained.length,
      'unrecorded responses': received.filter(({ unrecorded }) => unrecorded).length,
      'ids with two responses': judged.twoResponses.length,
    };
  } finally {
    await ledger.close();
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

async function quiet(until: number): Promise<Fault[]> {
  await sleep(Math.max(0, until - performance.now()));
  return [];
}

function countByKind(faults: readonly Fault[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Array.from(counts, (pair) => pair.join(' ')).join(', ');
}
