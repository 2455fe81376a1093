/** Keeps state in an SQLite file, made of the platform's own `node:sqlite`: Node, several processes on one machine. */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { StorageError } from '../../src/core/errors.ts';
import { invalid, delay, knownKeys } from '../../src/core/options.ts';
import type { Storage, Version } from '../../src/core/storage.ts';

export interface FileOptions {
  /**
   * What an acknowledged write outlives. `'power'`: also the machine (synchronous FULL, a disk flush per write).
   * `'process'`: a killed process, though the last writes may go with the power (synchronous NORMAL).
   * @default 'power'
   */
  readonly durability?: 'power' | 'process';
}

const synchronous = { power: 'FULL', process: 'NORMAL' };

/**
 * How long a verb waits for other processes, and how often it looks, ms. SQLite's own busy timeout blocks the event
 * loop, and looks every 100 ms in the end: of four processes that wrote without a pause, one waited for 2 s at a time.
 */
const busy = { patience: 5_000, from: 1, to: 5 };

/** Every so many writes that many expired rows go, so that a write costs two of them at most, as in memory(). */
const sweep = { every: 64, rows: 128 };

/** 'kyoa' in ASCII, where SQLite keeps whose format a file is in. */
const applicationId = 0x6b796f61;
const schemaVersion = 1;

/**
 * AUTOINCREMENT never gives a number twice, also after its row is gone: the rowid is the store's version counter.
 * A row that never expires has `expires` Infinity, and is not in the index.
 */
const schema = `
  CREATE TABLE entry (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    expires REAL NOT NULL
  );
  CREATE INDEX entry_expires ON entry (expires) WHERE expires < 9e999;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

const statements = {
  get: 'SELECT value, version, expires FROM entry WHERE key = ?1 AND expires > ?2',
  // To replace a row is to delete it and to insert another, with the next rowid.
  put: 'REPLACE INTO entry (key, value, expires) VALUES (?1, ?2, ?3)',
  putIf: `
    REPLACE INTO entry (key, value, expires) SELECT ?1, ?2, ?3
    WHERE (SELECT version FROM entry WHERE key = ?1 AND expires > ?5) IS ?4`,
  remove: 'DELETE FROM entry WHERE key = ?1 AND expires > ?2 AND (?3 IS NULL OR version = ?3)',
  sweep: `
    DELETE FROM entry WHERE version IN
    (SELECT version FROM entry WHERE expires < 9e999 AND expires <= ?1 LIMIT ${sweep.rows})`,
};

interface Opened extends Readonly<Record<keyof typeof statements, StatementSync>> {
  readonly db: DatabaseSync;
}

/**
 * The file and its folder are made by the first verb, and so every failure is a rejection with `StorageError`; what
 * failed is tried again by the next verb. A file that is damaged, of something else or of a newer kyoa is refused and
 * left as it is. Verbs run synchronously, as `node:sqlite` does. For a local disk: SQLite's write-ahead log needs
 * memory that all processes share, which a network drive does not give.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function file(path: string, options: FileOptions = {}): Storage {
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalid('file path', path, 'the path of a file; for a store without one use memory()');
  }
  knownKeys('file', options, ['durability']);
  const { durability = 'power' } = options;
  if (!Object.hasOwn(synchronous, durability)) throw invalid('file durability', durability, "'power' or 'process'");

  // Of today's working directory, not of that of the first verb.
  const location = resolve(path);
  let opened: Opened | undefined;
  let writes = 0;
  let closed = false;

  // Whoever comes while another waits lines up behind, so that verbs keep their order.
  let turn: Promise<void> | undefined;

  const use = async <T>(work: (opened: Opened) => T): Promise<T> => {
    let waiting: number | undefined;
    for (;;) {
      while (turn !== undefined) await turn;
      if (closed) throw new StorageError(`The storage ${location} is closed; make a new one with file()`);
      try {
        opened ??= open(location, synchronous[durability]);
        return work(opened);
      } catch (cause) {
        const now = performance.now();
        waiting ??= now;
        if (codeOf(cause) !== codes.busy || now - waiting > busy.patience) throw explain(location, cause);
        turn = sleep(busy.from + Math.random() * (busy.to - busy.from)).then(() => void (turn = undefined));
      }
    }
  };

  return {
    async get(key) {
      return use(({ get }) => {
        const row = get.get(encode(key), Date.now()) as
          | { value: string; version: Version; expires: number }
          | undefined;
        if (row === undefined) return undefined;
        const { version, expires } = row;
        const value = decode(row.value);
        return expires === Infinity ? { value, version } : { value, version, expires };
      });
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      return use(({ put, putIf, sweep: expired }) => {
        const now = Date.now();
        if (writes % sweep.every === 0) expired.run(now);
        writes += 1;
        // run() steps to the end of the statement and so past its commit; get() on a RETURNING would stop before it.
        const { changes, lastInsertRowid } =
          ifVersion === undefined
            ? put.run(encode(key), encode(value), now + ttl)
            : putIf.run(encode(key), encode(value), now + ttl, bound(ifVersion), now);
        return changes === 0 ? undefined : Number(lastInsertRowid);
      });
    },
    async delete(key, { ifVersion } = {}) {
      return use(({ remove }) => remove.run(encode(key), Date.now(), bound(ifVersion ?? null)).changes !== 0);
    },
    async close() {
      closed = true;
      // The last one to leave a file writes its log back and removes it.
      opened?.db.close();
      opened = undefined;
    },
  };
}

function open(path: string, synchronous: string): Opened {
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA busy_timeout = 0');
    claim(db, path);
    // fullfsync is for macOS, whose fsync leaves the data in the cache of the disk (sqlite.org/pragma.html).
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA fullfsync = ${synchronous === 'FULL' ? 1 : 0}`,
    );
    return {
      db,
      get: db.prepare(statements.get),
      put: db.prepare(statements.put),
      putIf: db.prepare(statements.putIf),
      remove: db.prepare(statements.remove),
      sweep: db.prepare(statements.sweep),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Makes an empty file ours, once, whoever else is at it; refuses any other that is not. */
function claim(db: DatabaseSync, path: string): void {
  const look = db.prepare(`
    SELECT application_id AS id, user_version AS version, (SELECT count(*) FROM sqlite_schema) AS tables
    FROM pragma_application_id, pragma_user_version`);
  const isEmpty = (): boolean => Object.values(look.get() ?? {}).every((fact) => fact === 0);

  if (isEmpty()) {
    db.exec('BEGIN IMMEDIATE');
    if (isEmpty()) db.exec(schema);
    db.exec('COMMIT');
  }
  const found = look.get() ?? {};
  if (found['id'] !== applicationId) {
    throw new StorageError(`${path} is a database of something else and left as it is; choose another path`);
  }
  if (found['version'] !== schemaVersion) {
    throw new StorageError(
      `${path} was written by another version of kyoa (format ${String(found['version'])}, this one knows ${schemaVersion}) ` +
        'and is left as it is; update kyoa or choose another path',
    );
  }
}

/**
 * SQLite's text is UTF-8, which has no lone surrogates, and Node 22 reads it up to the first NUL. A text with either
 * is kept as JSON, and so is one that could be taken for it.
 */
function encode(text: string): string {
  return text.startsWith('"') || /[\0\p{Surrogate}]/u.test(text) ? JSON.stringify(text) : text;
}

function decode(stored: string): string {
  return stored.startsWith('"') ? (JSON.parse(stored) as string) : stored;
}

/** SQLite takes NaN for NULL, which here means no entry, or any: a condition that never holds must not hold. */
function bound(version: Version | null): Version | null {
  return Number.isNaN(version) ? -1 : version;
}

/** Of SQLite's result codes (sqlite.org/rescode.html), those that say what to do. */
const codes = { busy: 5, readonly: 8, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

const advice: Readonly<Record<number, string>> = {
  [codes.busy]: `has been locked by another process for ${busy.patience} ms; look for one that keeps a transaction open`,
  [codes.readonly]: 'cannot be written; check the permissions of the file and of its folder',
  [codes.corrupt]: 'is damaged and left as it is; restore it or move it away',
  [codes.full]: 'cannot grow: the disk is full',
  [codes.cannotOpen]: 'cannot be opened; check the permissions of the file and of its folder',
  [codes.notADatabase]:
    'is no SQLite database, or a damaged one, and left as it is; choose another path or move it away',
};

function explain(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { message } = cause as Error;
  return new StorageError(`${path} ${advice[codeOf(cause)] ?? `failed: ${message}`}`, { cause });
}

/** Without the details that SQLite adds in the upper bits. */
function codeOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}
