/** A storage in an SQLite file, through Node's own `node:sqlite`. Several processes of one machine may share the file. */
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { decodeText, encodeText } from '../../src/core/engine/storage-text.ts';
import { StorageError } from '../../src/core/errors.ts';
import { invalid, delay, knownKeys } from '../../src/core/options.ts';
import type { Entry, Storage, Version } from '../../src/core/storage.ts';

export { shared } from '../limit/storage.ts';
export type { SharedOptions } from '../limit/shared.ts';

/**
 * The options of `file()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export interface FileOptions {
  /**
   * What an acknowledged write survives. `'power'`: a power failure (synchronous FULL, a disk flush per write).
   * `'process'`: the end of the process; a power failure may lose the last writes (synchronous NORMAL).
   * @default 'power'
   */
  readonly durability?: 'power' | 'process' | undefined;
}

const synchronous = { power: 'FULL', process: 'NORMAL' };

/**
 * How long an operation waits while another process has the lock, and the bounds of the random delay between its
 * attempts, ms. SQLite's own busy timeout blocks the event loop, and its last attempts are 100 ms apart: of four
 * processes that wrote without a pause, one waited for 2 s at a time.
 */
const lock = { timeout: 5_000, minDelay: 1, maxDelay: 5 };

/** How often a write removes expired rows, and how many at most: two a write on average, as in memory(). */
const sweep = { every: 64, rows: 128 };

/** 'kyoa' in ASCII. SQLite has a field for the application that a file belongs to. */
const applicationId = 0x6b796f61;
const schemaVersion = 1;

/**
 * AUTOINCREMENT never gives a rowid twice, even after its row was deleted: the rowid is the version counter of the store.
 * A row without a ttl has `expires` Infinity, and is not in the index.
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
  // REPLACE deletes the row and inserts another one, with the next rowid.
  put: 'REPLACE INTO entry (key, value, expires) VALUES (?1, ?2, ?3)',
  putIf: `
    REPLACE INTO entry (key, value, expires) SELECT ?1, ?2, ?3
    WHERE (SELECT version FROM entry WHERE key = ?1 AND expires > ?5) IS ?4`,
  remove: 'DELETE FROM entry WHERE key = ?1 AND expires > ?2 AND (?3 IS NULL OR version = ?3)',
  sweep: `
    DELETE FROM entry WHERE version IN
    (SELECT version FROM entry WHERE expires < 9e999 AND expires <= ?1 LIMIT ${sweep.rows})`,
};

interface Database extends Readonly<Record<keyof typeof statements, StatementSync>> {
  readonly db: DatabaseSync;
  /** Which file the database is, as `fileAt` names it. */
  readonly file: string;
}

/**
 * Keeps entries in an SQLite file. The first operation creates the file and its folder, so that every failure is a
 * rejection with `StorageError`, and the next operation tries again. Only the user of the process can read what it creates.
 * A file that is damaged, that belongs to another application or that a newer kyoa has written is refused and left
 * unchanged, and so is an entry that kyoa did not write. Operations block the event loop, as `node:sqlite` does. The file
 * must be on a local disk: SQLite's write-ahead log needs shared memory, which a network drive does not have.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { file } from 'kyoa/file';
 *
 * const storage = file('state/kyoa.db');
 * const api = kyoa.create({ storage });
 * await storage.close();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export function file(path: string, options: FileOptions = {}): Storage {
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalid('file path', path, 'the path of a file; for a storage without a file use memory()');
  }
  knownKeys('file', options, ['durability']);
  const { durability = 'power' } = options;
  if (!Object.hasOwn(synchronous, durability)) throw invalid('file durability', durability, "'power' or 'process'");

  // Relative to the working directory of now, not to that of the first operation.
  const location = resolve(path);
  let database: Database | undefined;
  let writes = 0;
  let closed = false;

  // An operation that starts while another one is backing off waits behind it, so that operations keep their order.
  let backingOff: Promise<void> | undefined;

  /** An operation on a file that is no longer at its path is lost. The next operation opens what is there. */
  const isLost = (): boolean => {
    if (database === undefined || database.file === fileAt(location)) return false;
    database.db.close();
    database = undefined;
    return true;
  };

  const withDatabase = async <T>(work: (database: Database) => T): Promise<T> => {
    let waitingSince: number | undefined;
    for (;;) {
      while (backingOff !== undefined) await backingOff;
      if (closed) throw new StorageError(`The storage ${location} is closed; make a new one with file()`);
      try {
        database ??= open(location, synchronous[durability]);
        const result = work(database);
        if (!isLost()) return result;
        throw new StorageError(
          `${location} was deleted or replaced while it was open; leave it in place while it is used`,
        );
      } catch (cause) {
        const now = performance.now();
        waitingSince ??= now;
        if (isLost() || codeOf(cause) !== codes.busy || now - waitingSince > lock.timeout)
          throw storageError(location, cause);
        const pause = lock.minDelay + Math.random() * (lock.maxDelay - lock.minDelay);
        backingOff = sleep(pause).then(() => void (backingOff = undefined));
      }
    }
  };

  /** A write reads first, because it leaves an entry that kyoa did not write unchanged. */
  const read = ({ get }: Database, key: string, now: number): Entry | undefined => {
    const row = get.get(encodeText(key), now) as { value: unknown; version: Version; expires: unknown } | undefined;
    if (row === undefined) return undefined;
    const { version, expires } = row;
    const value = decodeText(row.value);
    if (value === undefined || typeof expires !== 'number') {
      throw new StorageError(
        `The entry ${key} of ${location} is not one that kyoa wrote, and was left unchanged; delete its row`,
      );
    }
    return expires === Infinity ? { value, version } : { value, version, expires };
  };

  return {
    async get(key) {
      return withDatabase((database) => read(database, key, Date.now()));
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      return withDatabase((database) => {
        const { put, putIf, sweep: expired } = database;
        const now = Date.now();
        read(database, key, now);
        if (writes % sweep.every === 0) expired.run(now);
        writes += 1;
        // run() executes the statement to its end, and so commits it; get() on a RETURNING would stop before the commit.
        const { changes, lastInsertRowid } =
          ifVersion === undefined
            ? put.run(encodeText(key), encodeText(value), now + ttl)
            : putIf.run(encodeText(key), encodeText(value), now + ttl, bound(ifVersion), now);
        return changes === 0 ? undefined : Number(lastInsertRowid);
      });
    },
    async delete(key, { ifVersion } = {}) {
      return withDatabase((database) => {
        const now = Date.now();
        read(database, key, now);
        return database.remove.run(encodeText(key), now, bound(ifVersion ?? null)).changes !== 0;
      });
    },
    async close() {
      closed = true;
      // The last process that closes the file writes its log back and removes the log.
      database?.db.close();
      database = undefined;
    },
  };
}

function open(path: string, synchronous: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  create(path);
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA busy_timeout = 0');
    initialise(db, path);
    // fullfsync: the fsync of macOS leaves the data in the cache of the disk (sqlite.org/pragma.html).
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA fullfsync = ${synchronous === 'FULL' ? 1 : 0}`,
    );
    return {
      db,
      file: fileAt(path),
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

/** Creates a file that only its user can read, if there is none. SQLite gives the log of a database the mode of its file. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch {
    // It exists, or it cannot be created: SQLite reports why.
  }
}

/** Identifies the file at the path. SQLite keeps reading and writing a file that was deleted or moved away. */
function fileAt(path: string): string {
  const { dev, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${dev} ${ino}`;
}

/** Creates the schema in an empty file, once even if several processes try; refuses a file that is not kyoa's. */
function initialise(db: DatabaseSync, path: string): void {
  const facts = db.prepare(`
    SELECT application_id AS id, user_version AS version, (SELECT count(*) FROM sqlite_schema) AS tables
    FROM pragma_application_id, pragma_user_version`);
  const isEmpty = (): boolean => Object.values(facts.get() ?? {}).every((fact) => fact === 0);

  if (isEmpty()) {
    db.exec('BEGIN IMMEDIATE');
    if (isEmpty()) db.exec(schema);
    db.exec('COMMIT');
  }
  const found = facts.get() ?? {};
  if (found['id'] !== applicationId) {
    throw new StorageError(`${path} is a database of another application and was left unchanged; choose another path`);
  }
  if (found['version'] !== schemaVersion) {
    throw new StorageError(
      `${path} was written by another version of kyoa (format ${String(found['version'])}, this version reads ${schemaVersion}) ` +
        'and was left unchanged; update kyoa or choose another path',
    );
  }
}

/** SQLite takes NaN for NULL, which in these statements means no entry, or any version. NaN must match neither. */
function bound(version: Version | null): Version | null {
  return Number.isNaN(version) ? -1 : version;
}

/** The result codes of SQLite (sqlite.org/rescode.html) for which `advice` has a sentence. */
const codes = { busy: 5, readonly: 8, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

const advice: Readonly<Record<number, string>> = {
  [codes.busy]: `has been locked by another process for ${lock.timeout} ms; find the process that keeps a transaction open`,
  [codes.readonly]: 'cannot be written; check the permissions of the file and of its folder',
  [codes.corrupt]: 'is damaged and was left unchanged; restore it or move it away',
  [codes.full]: 'cannot grow: the disk is full',
  [codes.cannotOpen]: 'cannot be opened; check the permissions of the file and of its folder',
  [codes.notADatabase]:
    'is not an SQLite database, or is damaged, and was left unchanged; choose another path or move it away',
};

function storageError(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { message } = cause as Error;
  return new StorageError(`${path} ${advice[codeOf(cause)] ?? `failed: ${message}`}`, { cause });
}

/** The result code without the details that SQLite adds in the upper bits. */
function codeOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}
