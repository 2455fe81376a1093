/**
 * Four processes share a token in a storage, and call without a pause. The token server rotates refresh tokens and ends a
 * session in which one is used again. The access token is made old again and again, while processes are killed and
 * frozen at random: each time there is one renewal, and no call may be lost.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

import { file } from '../../adapters/storage/file.ts';
import { redis } from '../../adapters/storage/redis.ts';
import { auth, type Storage } from '../../src/index.ts';
import { tokenServer } from '../../test/support/token-server.ts';
import { printTable } from '../lib/report.ts';
import { openStore, type Store } from '../proof-fire/stores.ts';
import { until, type Proof } from './proof.ts';
import type { Report, Task } from './worker.ts';

const size = 4;
const lease = 1_000;

export const processes =
  (kind: Store['kind']): Proof =>
  async ({ smoke, random }) => {
    const rotations = smoke ? 6 : 20;
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
      const child = fork(new URL('worker.ts', import.meta.url), [JSON.stringify(task)], { execArgv: [] });
      return child.on('message', (report: Report) => {
        calls += report.calls;
        failures.push(...report.failures);
      });
    };
    const team = Array.from({ length: size }, start);
    await until(() => calls > size * 10);

    const faults = shuffled(['none', 'kill', 'freeze'] as const, rotations, random);
    for (const [before, fault] of faults.entries()) {
      server.expire('app');
      await sleep(random() * 60); // in the midst of the renewal, or before it, or after it
      const victim = Math.floor(random() * size);
      const child = team[victim]!;
      if (fault === 'kill') {
        child.kill('SIGKILL');
        killed += 1;
        team[victim] = start();
      } else if (fault === 'freeze') {
        child.kill('SIGSTOP');
        frozen += 1;
        setTimeout(() => child.kill('SIGCONT'), random() * 2 * lease);
      }
      await until(() => server.seen.renewals === before + 1);
      const enough = calls + size * 10;
      await until(() => calls > enough);
      // A token lives longer than a freeze and a call: one that is two rotations old is a theft for every server.
      if (fault === 'freeze') await sleep(2 * lease);
      await sleep(300);
    }
    for (const child of team) child.kill('SIGKILL');
    await close();
    rmSync(folder, { recursive: true });

    const { renewals, reuses } = server.seen;
    printTable(
      ['rotations', 'renewals', 'reuses', 'killed', 'frozen', 'calls', 'lost'],
      [[rotations, renewals, reuses, killed, frozen, calls, failures.length]],
      `processes on ${kind}`,
    );
    const wrong: string[] = [];
    if (renewals !== rotations) wrong.push(`${kind}: ${renewals} renewals for ${rotations} rotations`);
    if (reuses > 0) wrong.push(`${kind}: a refresh token was used again ${reuses} times`);
    if (failures.length > 0) wrong.push(`${kind}: ${failures.length} calls were lost, such as ${failures[0]}`);
    return wrong;
  };

/** As many of each, in a random order. */
function shuffled<T>(kinds: readonly T[], length: number, random: () => number): T[] {
  return Array.from({ length }, (_, n) => ({ kind: kinds[n % kinds.length]!, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ kind }) => kind);
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
