/** The two stores of the proof, and how each is made to fail. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

import { findRedis } from '../../test/support/lanes.ts';
import { freePort } from '../../test/support/redis.ts';
import { limitFileSize } from './limit-file-size.ts';

export interface Store {
  readonly kind: 'file' | 'redis';
  /** A path, or a URL. */
  readonly place: string;
  /** The faults of the store itself, by name. Each resolves when it is over. `ms`: how long it lasts. */
  readonly faults: Readonly<Record<string, (ms: number) => Promise<void>>>;
  /** Deletes the entries of all leases, but no response. */
  readonly deleteLeases: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openStore(kind: Store['kind'], folder: string): Promise<Store> {
  return kind === 'file' ? onFile(join(folder, 'store.db')) : onRedis(folder);
}

function onFile(place: string): Store {
  const execute = async (statement: string, ms: number, end?: string): Promise<void> => {
    const db = new DatabaseSync(place);
    try {
      while (!executed(db, statement)) await sleep(5);
      await sleep(ms);
      if (end !== undefined) db.exec(end);
    } finally {
      db.close();
    }
  };
  return {
    kind: 'file',
    place,
    faults: { 'store locked': (ms) => execute('BEGIN IMMEDIATE', ms, 'COMMIT') },
    deleteLeases: () => execute(`DELETE FROM entry WHERE value LIKE '%"leaseUntil"%'`, 0),
    close: async () => {},
  };
}

/** `false` if another process has the lock. */
function executed(db: DatabaseSync, statement: string): boolean {
  try {
    db.exec(statement);
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === 5) return false;
    throw error;
  }
}

const deleteLeases = `
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('TYPE', key).ok == 'hash' and string.find(redis.call('HGET', key, 'value'), '"leaseUntil"') then
      redis.call('DEL', key)
    end
  end`;

async function onRedis(folder: string): Promise<Store> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let server = await startRedis(port, folder);
  const admin = createClient({ url, socket: { reconnectStrategy: 50 } });
  admin.on('error', () => {});
  await admin.connect();

  const between = async (begin: () => unknown, ms: number, end: () => unknown): Promise<void> => {
    await begin();
    await sleep(ms);
    await end();
  };
  /**
   * While its disk is full, Redis acknowledges the first write, keeps it in its memory and writes it later: if it is killed
   * before that, the write is lost. No client can notice that, so these two faults follow one another.
   */
  let last: Promise<void> = Promise.resolve();
  const inTurn = (fault: () => Promise<void>): Promise<void> => (last = last.then(fault));
  const untilWritten = async (): Promise<void> => {
    while (!(await admin.info('persistence')).includes('aof_last_write_status:ok')) await sleep(20);
  };
  return {
    kind: 'redis',
    place: url,
    faults: {
      'store stopped': (ms) =>
        between(
          () => server.kill('SIGSTOP'),
          ms,
          () => server.kill('SIGCONT'),
        ),
      'store without memory': (ms) =>
        between(
          () => admin.configSet('maxmemory', '1'),
          ms,
          () => admin.configSet('maxmemory', '0'),
        ),
      'store without disk': (ms) =>
        inTurn(() =>
          between(
            () => limitFileSize(server.pid!, 1),
            ms,
            async () => {
              limitFileSize(server.pid!);
              await untilWritten();
            },
          ),
        ),
      'store without scripts': async () => void (await admin.scriptFlush()),
      'store killed and restarted': (ms) =>
        inTurn(() =>
          between(
            () => end(server),
            ms,
            async () => (server = await startRedis(port, folder)),
          ),
        ),
    },
    // While its disk is full, Redis deletes nothing.
    deleteLeases: () =>
      admin.eval(deleteLeases).then(
        () => {},
        (error: Error) => {
          if (!error.message.startsWith('MISCONF')) throw error;
        },
      ),
    async close() {
      admin.destroy();
      await end(server);
    },
  };
}

/**
 * With an append-only file, whose writes precede each reply: what was acknowledged survives the end of the process. With
 * `everysec`, which is the default, Redis delays a write while it flushes the one before.
 */
async function startRedis(port: number, folder: string): Promise<ChildProcess> {
  const command = findRedis();
  if (command === undefined) throw new Error('redis-server is not installed: apt-get install redis-server');
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'no',
  ];
  // Redis would end when its disk is full, because of the signal.
  const server = spawn('sh', ['-c', `trap '' XFSZ; exec "$0" "$@"`, command, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
  client.on('error', () => {});
  await client.connect();
  while ((await client.ping().catch(() => '')) !== 'PONG') await sleep(20);
  client.destroy();
  return server;
}

async function end(server: ChildProcess): Promise<void> {
  const exit = once(server, 'exit');
  server.kill('SIGKILL');
  await exit;
}
