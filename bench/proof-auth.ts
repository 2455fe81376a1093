/**
 * `npm run proof:auth`: four processes share a token in a file, then in Redis, and call without a pause. The token server rotates
 * refresh tokens and ends a session in which one is used again. The access token is made old again and again, while
 * processes are killed and frozen at random: each time there is one renewal, and no call may be lost. `--smoke` takes some
 * seconds; `file` or `redis` as an argument selects one store.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient } from 'redis';

import { file } from '../adapters/storage/file.ts';
import { redis } from '../adapters/storage/redis.ts';
import { auth, type Storage } from '../src/index.ts';
import { tokenServer } from '../test/support/token-server.ts';
import { printTable } from './lib/report.ts';
import { openStore, type Store } from './proof-fire/stores.ts';
import type { Report, Task } from './proof-auth/worker.ts';

const { values, positionals } = parseArgs({
  options: { smoke: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const kinds = (['file', 'redis'] as const).filter((kind) => positionals.length === 0 || positionals.includes(kind));
const rotations = values.smoke ? 6 : 20;
const processes = 4;
const lease = 1_000;

const rows: (string | number)[][] = [];
const faults: string[] = [];
for (const kind of kinds) await prove(kind);
printTable(['rotations', 'renewals', 'reuses', 'killed', 'frozen', 'calls', 'lost'], rows);
for (const fault of faults) console.error(fault);
if (faults.length === 0) console.log('proved: one renewal for each rotation, and no call lost');
process.exitCode = faults.length === 0 ? 0 : 1;

async function prove(kind: Store['kind']): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
  const { place, close } = await openStore(kind, folder);
  // A holder that dies between the rotation and its record leaves a used token to its successor.
  await using server = await tokenServer({ leeway: 5 * lease, work: 30 });
  const { access_token: access, refresh_token: refresh } = server.login('app');
  await withStorage(kind, place, (storage) => {
    return auth({ renew: () => Promise.reject(new Error('not asked')), storage }).set({ access, refresh });
  });

  let [calls, killed, frozen] = [0, 0, 0];
  const failures: string[] = [];
  const task: Task = { storage: { kind, place }, url: server.url, lease };
  const start = (): ChildProcess => {
    const child = fork(new URL('proof-auth/worker.ts', import.meta.url), [JSON.stringify(task)], { execArgv: [] });
    return child.on('message', (report: Report) => {
      calls += report.calls;
      failures.push(...report.failures);
    });
  };
  const team = Array.from({ length: processes }, start);
  await until(() => calls > processes * 10);

  for (let n = 1; n <= rotations; n += 1) {
    server.expire('app');
    await sleep(Math.random() * 60); // in the midst of the renewal, or before it, or after it
    const victim = Math.floor(Math.random() * processes);
    const child = team[victim]!;
    if (n % 3 === 1) {
      child.kill('SIGKILL');
      killed += 1;
      team[victim] = start();
    } else if (n % 3 === 2) {
      child.kill('SIGSTOP');
      frozen += 1;
      setTimeout(() => child.kill('SIGCONT'), 2 * lease);
    }
    await until(() => server.seen.renewals === n);
    const before = calls;
    await until(() => calls > before + processes * 10);
    // A token lives longer than a freeze and a call: one that is two rotations old is a theft for every server.
    if (n % 3 === 2) await sleep(2 * lease);
    await sleep(300);
  }
  for (const child of team) child.kill('SIGKILL');
  await close();
  rmSync(folder, { recursive: true });

  const { renewals, reuses } = server.seen;
  rows.push([kind, rotations, renewals, reuses, killed, frozen, calls, failures.length]);
  if (renewals !== rotations) faults.push(`${kind}: ${renewals} renewals for ${rotations} rotations`);
  if (reuses > 0) faults.push(`${kind}: a refresh token was used again ${reuses} times`);
  if (failures.length > 0) faults.push(`${kind}: ${failures.length} calls were lost, such as ${failures[0]}`);
}

async function withStorage(
  kind: Store['kind'],
  place: string,
  use: (storage: Storage) => Promise<void>,
): Promise<void> {
  const client = kind === 'redis' ? await createClient({ url: place }).connect() : undefined;
  const storage = client === undefined ? file(place) : redis(client);
  await use(storage);
  await storage.close();
  client?.destroy();
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within 30 s: ${String(holds)}`);
    await sleep(5);
  }
}
