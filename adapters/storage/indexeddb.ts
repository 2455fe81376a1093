/** A storage in IndexedDB, through idb-keyval. All tabs of a site share it, and it survives a reload. */
import { del, get, getMany, promisifyRequest, setMany, type UseStore } from 'idb-keyval';
import pTimeout from 'p-timeout';

import { StorageError } from '../../src/core/errors.ts';
import { invalid, delay } from '../../src/core/options.ts';
import type { Entry, Storage, Version } from '../../src/core/storage.ts';

const storeName = 'entries';
const schemaVersion = 1;

/** The key of the version counter. It is a number, and the keys of entries are strings. */
const counterKey = 0;

/** The limit for opening, ms: an opening that waits behind a deletion, which another page blocks, never ends by itself. */
const openTimeout = 5_000;

/** How often a write removes expired entries, and how many at most: two a write on average, as in memory(). */
const sweep = { every: 16, entries: 32 };

/**
 * Keeps entries in the database `name`, which the first operation creates. A database of another application is refused
 * and left unchanged. Without IndexedDB, as in Node, the storage is created and every operation rejects with
 * `StorageError`.
 *
 * A write is acknowledged once it is on the disk, so that a lease survives a power failure. The durability `'strict'`
 * costs 500 us a write, the browsers' default 400 (Chromium 156); both are less than any request.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { indexeddb } from 'kyoa/indexeddb';
 *
 * const api = kyoa.create({ storage: indexeddb('shop') });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export function indexeddb(name: string): Storage {
  if (typeof name !== 'string' || name === '') throw invalid('indexeddb name', name, 'the name of a database');

  let opened: Promise<IDBDatabase> | undefined;
  let writes = 0;
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new StorageError(`The storage ${name} is closed; make a new one with indexeddb()`);
  };
  const forget = (): void => {
    opened = undefined;
  };
  const connection = (): Promise<IDBDatabase> => {
    if (opened === undefined) {
      opened = open(name, forget);
      opened.catch(forget);
    }
    return pTimeout(opened, {
      milliseconds: openTimeout,
      fallback: () => {
        throw new StorageError(
          `The database ${name} has not opened within ${openTimeout} ms; close or reload the other pages of this site`,
        );
      },
    });
  };
  const begin = async (mode: IDBTransactionMode): Promise<IDBTransaction> => {
    const db = await connection();
    try {
      return db.transaction(storeName, mode, { durability: 'strict' });
    } catch {
      // Safari closes a connection without an event. No transaction has begun, so it can begin on a new connection.
      db.close();
      forget();
      mustBeOpen();
      return (await connection()).transaction(storeName, mode, { durability: 'strict' });
    }
  };
  const transact: UseStore = async (mode, work) => {
    mustBeOpen();
    let failure: unknown;
    try {
      const transaction = await begin(mode);
      // The transaction itself has no error yet when idb-keyval reads it.
      transaction.addEventListener('error', ({ target }) => (failure = (target as IDBRequest).error));
      return await work(transaction.objectStore(storeName));
    } catch (cause) {
      throw storageError(name, cause ?? failure);
    }
  };

  return {
    async get(key) {
      return entryOf(name, key, await get(key, transact));
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      return transact('readwrite', async (store) => {
        const transaction = inTransaction(store);
        const [latest, found] = (await getMany([counterKey, key], transaction)) as [unknown, unknown];
        if (latest !== undefined && !isVersion(latest)) throw foreign(name, counterKey);
        const entry = entryOf(name, key, found);
        if (ifVersion !== undefined && (entry?.version ?? null) !== ifVersion) return undefined;

        const now = Date.now();
        if (writes % sweep.every === 0) await dropExpired(store, now);
        writes += 1;
        // The counter of a new database starts at the present time in us, above the versions of a deleted database.
        const version = (latest ?? now * 1000) + 1;
        const written: Entry = ttl === Infinity ? { value, version } : { value, version, expires: now + ttl };
        await setMany(
          [
            [counterKey, version],
            [key, written],
          ],
          transaction,
        );
        return version;
      });
    },
    async delete(key, { ifVersion } = {}) {
      return transact('readwrite', async (store) => {
        const transaction = inTransaction(store);
        const entry = entryOf(name, key, await get(key, transaction));
        if (entry === undefined || (ifVersion !== undefined && entry.version !== ifVersion)) return false;
        await del(key, transaction);
        return true;
      });
    },
    async close() {
      closed = true;
      // A database that is still opening is closed later.
      opened?.then(
        (db) => db.close(),
        () => {},
      );
    },
  };
}

/** Runs several functions of idb-keyval in one transaction, which lasts for as long as one request follows another. */
function inTransaction(store: IDBObjectStore): UseStore {
  return async (_mode, work) => work(store);
}

/** `undefined` for an entry that is missing or has expired. */
function entryOf(name: string, key: string, found: unknown): Entry | undefined {
  if (found === undefined) return undefined;
  if (!isEntry(found)) throw foreign(name, key);
  return (found.expires ?? Infinity) > Date.now() ? found : undefined;
}

function isEntry(found: unknown): found is Entry {
  const { value, version, expires } = (found ?? {}) as Partial<Record<string, unknown>>;
  return typeof value === 'string' && isVersion(version) && (expires === undefined || typeof expires === 'number');
}

function isVersion(value: unknown): value is Version {
  return Number.isSafeInteger(value);
}

function foreign(name: string, key: string | number): StorageError {
  return new StorageError(
    `The entry ${key} of the database ${name} is not one that kyoa wrote, and was left unchanged; choose another name`,
  );
}

async function dropExpired(store: IDBObjectStore, now: number): Promise<void> {
  const range = IDBKeyRange.upperBound(now);
  // Not delMany: it awaits the end of the transaction.
  for (const key of await promisifyRequest(store.index('expires').getAllKeys(range, sweep.entries))) store.delete(key);
}

/** Not idb-keyval's createStore: its connection blocks other pages that want to delete or upgrade the database. */
async function open(name: string, forget: () => void): Promise<IDBDatabase> {
  if (globalThis.indexedDB === undefined) {
    throw new StorageError('There is no IndexedDB here; use file() in Node, or memory()');
  }
  const request = indexedDB.open(name, schemaVersion);
  // The index contains only the entries that have an `expires`.
  request.onupgradeneeded = () => request.result.createObjectStore(storeName).createIndex('expires', 'expires');
  const db = await promisifyRequest(request);
  if (!db.objectStoreNames.contains(storeName)) {
    db.close();
    throw new StorageError(
      `The database ${name} is of another application and was left unchanged; choose another name`,
    );
  }
  db.addEventListener('close', forget);
  db.addEventListener('versionchange', () => {
    forget();
    db.close();
  });
  return db;
}

const advice: Readonly<Record<string, string>> = {
  QuotaExceededError: 'is full: the browser grants this site no more space',
  SecurityError: 'is refused by the browser: private mode, blocked site data or a sandboxed frame; use memory()',
  VersionError:
    'is of a newer kyoa or of another application and was left unchanged; reload the page or choose another name',
};

function storageError(name: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name: kind, message } = (cause ?? new Error('the transaction was aborted')) as Error;
  return new StorageError(`The database ${name} ${advice[kind] ?? `failed: ${message}`}`, { cause });
}
