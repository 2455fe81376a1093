/** Keeps state in IndexedDB, through idb-keyval: browsers, several tabs, survives a reload. */
import { del, get, getMany, promisifyRequest, setMany, type UseStore } from 'idb-keyval';
import pTimeout from 'p-timeout';

import { StorageError } from '../../src/core/errors.ts';
import { invalid, delay } from '../../src/core/options.ts';
import type { Entry, Storage, Version } from '../../src/core/storage.ts';

const storeName = 'entries';
const schemaVersion = 1;

/** Where the last version given stands: a number, and so never one of the caller's keys, which are strings. */
const counter = 0;

/** An opening that waits behind the deletion of a database that some page will not let go never ends by itself; ms. */
const patience = 5_000;

/** Every so many writes that many expired entries go, so that a write costs two of them at most, as in memory(). */
const sweep = { every: 16, entries: 32 };

/**
 * `name` is a database of its own, made by the first verb; one that holds something else is refused and left as it
 * is. Where there is no IndexedDB, as in Node, the making succeeds and every verb rejects with `StorageError`.
 *
 * A write is acknowledged once it is on the disk: `'strict'` costs 500 us a write where the browsers' default costs
 * 400 (Chromium 156), less than any request, and keeps a claim through a power cut.
 *
 * @throws {KyoaError} `INVALID_OPTION`
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
      milliseconds: patience,
      fallback: () => {
        throw new StorageError(
          `The database ${name} has not opened within ${patience} ms; close or reload the other pages of this site`,
        );
      },
    });
  };
  const begin = async (mode: IDBTransactionMode): Promise<IDBTransaction> => {
    const db = await connection();
    try {
      return db.transaction(storeName, mode, { durability: 'strict' });
    } catch {
      // Safari drops a connection without a word; nothing was begun, so another one may.
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
      // The transaction itself has no error yet when idb-keyval asks it for one.
      transaction.addEventListener('error', ({ target }) => (failure = (target as IDBRequest).error));
      return await work(transaction.objectStore(storeName));
    } catch (cause) {
      throw explain(name, cause ?? failure);
    }
  };

  return {
    async get(key) {
      const entry = await get<Entry>(key, transact);
      return isLive(entry) ? entry : undefined;
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      return transact('readwrite', async (store) => {
        const here = within(store);
        const [latest, entry] = (await getMany([counter, key], here)) as [Version | undefined, Entry | undefined];
        if (ifVersion !== undefined && (isLive(entry) ? entry.version : null) !== ifVersion) return undefined;

        const now = Date.now();
        if (writes % sweep.every === 0) await dropExpired(store, now);
        writes += 1;
        // A new database begins at its time of birth in us, so that its versions rise above those of a deleted one.
        const version = (latest ?? now * 1000) + 1;
        const written: Entry = ttl === Infinity ? { value, version } : { value, version, expires: now + ttl };
        await setMany(
          [
            [counter, version],
            [key, written],
          ],
          here,
        );
        return version;
      });
    },
    async delete(key, { ifVersion } = {}) {
      return transact('readwrite', async (store) => {
        const here = within(store);
        const entry = await get<Entry>(key, here);
        if (!isLive(entry) || (ifVersion !== undefined && entry.version !== ifVersion)) return false;
        await del(key, here);
        return true;
      });
    },
    async close() {
      closed = true;
      // One that is still opening is not waited for.
      opened?.then(
        (db) => db.close(),
        () => {},
      );
    },
  };
}

/** Lets several functions of idb-keyval work in one transaction: it lasts for as long as one request follows another. */
function within(store: IDBObjectStore): UseStore {
  return async (_mode, work) => work(store);
}

function isLive(entry: Entry | undefined): entry is Entry {
  return entry !== undefined && (entry.expires ?? Infinity) > Date.now();
}

async function dropExpired(store: IDBObjectStore, now: number): Promise<void> {
  const range = IDBKeyRange.upperBound(now);
  // Not delMany, which would wait for the end of the transaction.
  for (const key of await promisifyRequest(store.index('expires').getAllKeys(range, sweep.entries))) store.delete(key);
}

/** Not idb-keyval's createStore, which never lets another page delete or upgrade the database. */
async function open(name: string, forget: () => void): Promise<IDBDatabase> {
  if (globalThis.indexedDB === undefined) {
    throw new StorageError('There is no IndexedDB here; use file() in Node, or memory()');
  }
  const request = indexedDB.open(name, schemaVersion);
  // Only what has an `expires` gets into the index.
  request.onupgradeneeded = () => request.result.createObjectStore(storeName).createIndex('expires', 'expires');
  const db = await promisifyRequest(request);
  if (!db.objectStoreNames.contains(storeName)) {
    db.close();
    throw new StorageError(`The database ${name} is of something else and left as it is; choose another name`);
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
  VersionError: 'is of a newer kyoa, or of something else, and left as it is; reload the page or choose another name',
};

function explain(name: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name: kind, message } = (cause ?? new Error('the transaction was aborted')) as Error;
  return new StorageError(`The database ${name} ${advice[kind] ?? `failed: ${message}`}`, { cause });
}
