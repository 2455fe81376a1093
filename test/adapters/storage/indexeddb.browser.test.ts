import { KyoaError, StorageError, type Storage } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { storageContract } from 'kyoa/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

let name: string;
let store: Storage;

beforeEach(() => {
  name = `kyoa-${Math.random()}`;
  store = indexeddb(name);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await store.close();
  await deletion(name);
});

/** Resolves once every connection to the database is closed and it is deleted. */
function deletion(database: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(database);
    request.addEventListener('success', () => resolve());
    request.addEventListener('error', () => reject(request.error ?? new Error('not deleted')));
  });
}

function opening(database: string, version?: number, upgrade?: (db: IDBDatabase) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, version);
    request.addEventListener('upgradeneeded', () => upgrade?.(request.result));
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('not opened')));
  });
}

async function records(): Promise<number> {
  const db = await opening(name);
  const request = db.transaction('entries').objectStore('entries').count();
  return new Promise((resolve) => {
    request.addEventListener('success', () => {
      db.close();
      resolve(request.result);
    });
  });
}

async function refusal(verb: Promise<unknown> = store.set('key', 'value')): Promise<StorageError> {
  const error: unknown = await verb.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(StorageError);
  return error as StorageError;
}

describe('indexeddb keeps the contract', () => {
  const clauses = storageContract(() => indexeddb(name));
  test.each(clauses.map(({ name: sentence, run }) => [sentence, run] as const))('%s', (_, run) => run());
});

describe('indexeddb', () => {
  test('creates its database with the first operation, not before', async () => {
    expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(name);
    await store.get('key');
    expect((await indexedDB.databases()).map((database) => database.name)).toContain(name);
  });

  test('allows the deletion of its open database, and continues with a new one and higher versions', async () => {
    const before = await store.set('key', 'value');
    await deletion(name);
    expect(await store.get('key')).toBeUndefined();
    expect(await store.set('key', 'value', { ifVersion: null })).toBeGreaterThan(before ?? Infinity);
  });

  test('allows an upgrade by a newer version, and leaves the upgraded database unchanged', async () => {
    await store.set('key', 'value');
    const newer = await opening(name, 2, (db) => db.createObjectStore('new'));
    const { message } = await refusal();
    expect(message).toMatch(/is of a newer kyoa or of another application .* reload the page or choose another name/);
    expect([...newer.objectStoreNames]).toEqual(['entries', 'new']);
    newer.close();
  });

  test('refuses a database of another application, leaves it unchanged and does not block its deletion', async () => {
    const other = await opening(name, 1, (db) => db.createObjectStore('theirs'));
    expect((await refusal()).message).toMatch(/is of another application and was left unchanged; choose another name/);
    expect([...other.objectStoreNames]).toEqual(['theirs']);
    other.close();
    await deletion(name);
    expect(await store.set('key', 'value')).toBeDefined();
  });

  test('rejects after 5 s if its database does not open, and works once the database opens', async () => {
    const holder = await opening(name, 1, (db) => db.createObjectStore('entries').createIndex('expires', 'expires'));
    // The holder ignores the request to delete, so an opening waits behind the deletion.
    const deleted = deletion(name);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const refused = refusal(store.get('key'));
    vi.advanceTimersByTime(5_000);
    expect((await refused).message).toMatch(/has not opened within 5000 ms; close or reload the other pages/);
    vi.useRealTimers();
    holder.close();
    await deleted;
    expect(await store.set('key', 'value')).toBeDefined();
  });

  test('opens a new connection after the browser has closed the old one', async () => {
    await store.set('key', 'value');
    const lost = new DOMException('The database connection is closing.', 'InvalidStateError');
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementationOnce(() => {
      throw lost;
    });
    expect((await store.get('key'))?.value).toBe('value');
  });

  test('rejects with StorageError if the browser refuses, and tries again with the next operation', async () => {
    const refused = new DOMException('Access is denied for this document.', 'SecurityError');
    vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw refused;
    });
    const error = await refusal();
    expect(error.message).toMatch(/is refused by the browser: private mode, .* use memory\(\)/);
    expect(error.cause).toBe(refused);
    expect(await store.set('key', 'value')).toBeDefined();
  });

  test('rejects with StorageError without IndexedDB', async () => {
    vi.stubGlobal('indexedDB', undefined);
    expect((await refusal()).message).toMatch(/There is no IndexedDB here/);
    vi.unstubAllGlobals();
    expect(await store.set('key', 'value')).toBeDefined();
  });

  test('rejects with StorageError when the site has no space left, and writes nothing', async () => {
    const version = await store.set('key', 'value');
    const full = new DOMException('', 'QuotaExceededError');
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
      throw full;
    });
    const error = await refusal(store.set('key', 'x'.repeat(1_000)));
    expect(error.message).toMatch(/is full: the browser grants this site no more space/);
    expect(error.cause).toBe(full);
    expect(await store.get('key')).toEqual({ value: 'value', version });
  });

  test('reports the error of a failed transaction, of which nothing is written', async () => {
    const version = await store.set('key', 'value');
    // As put(), which overwrites, for the counter; as add(), which fails, for the entry that is present.
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (
      this: IDBObjectStore,
      value,
      key = '',
    ) {
      if (key !== 'key') this.delete(key);
      return this.add(value, key);
    });
    const error = await refusal(store.set('key', 'other'));
    expect(error.cause).toMatchObject({ name: 'ConstraintError' });
    expect(error.message).toMatch(/failed: .+/);
    put.mockRestore();
    expect(await store.get('key')).toEqual({ value: 'value', version });
    expect(await store.set('key', 'other')).toBe((version ?? 0) + 1);
  });

  test('acknowledges a write once it is on the disk', async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await store.set('key', 'value');
    expect(transaction.mock.calls).toEqual([['entries', 'readwrite', { durability: 'strict' }]]);
  });

  test('writes once, and only if the condition holds', async () => {
    await store.set('key', 'value');
    const put = vi.spyOn(IDBObjectStore.prototype, 'put');
    await store.set('key', 'other', { ifVersion: null });
    expect(put).not.toHaveBeenCalled();
    await store.set('key', 'other');
    expect(put).toHaveBeenCalledTimes(2);
  });

  test('removes expired entries as it writes, a bounded number at a time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    for (let index = 0; index < 80; index += 1) await store.set(`${index}`, 'value', { ttl: 1_000 });
    await store.set('lasting', 'value');
    vi.advanceTimersByTime(1_000);
    const seen = new Set<number>();
    for (let index = 0; index < 50; index += 1) {
      await store.set('lasting', 'value');
      seen.add(await records());
    }
    // The counter is one of the records.
    expect([...seen]).toEqual([82, 50, 18, 2]);
  });

  test('closes its connection when it is closed', async () => {
    await store.set('key', 'value');
    await store.close();
    await deletion(name);
    await expect(store.get('key')).rejects.toThrow(/is closed; make a new one with indexeddb\(\)/);
    expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(name);
  });

  test('completes a running operation when it is closed, and opens no connection', async () => {
    const open = vi.spyOn(indexedDB, 'open');
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await store.set('key', 'value');
    transaction.mockClear();
    const begun = store.set('key', 'begun');
    await vi.waitUntil(() => transaction.mock.calls.length === 1, { interval: 1 });
    await store.close();
    expect(await begun).toBeDefined();
    expect(open).toHaveBeenCalledTimes(1);
  });

  test('begins no operation once it is closed, even one that was waiting for the connection', async () => {
    const open = vi.spyOn(indexedDB, 'open');
    const early = store.set('key', 'value');
    await store.close();
    await expect(early).rejects.toThrow(/is closed; make a new one with indexeddb\(\)/);
    expect(open).toHaveBeenCalledTimes(1);
  });

  test('refuses a name that is not a string or is empty', () => {
    for (const none of ['', undefined, 5]) expect(() => indexeddb(none as string)).toThrow(KyoaError);
  });
});

describe('indexeddb rejects with StorageError, and leaves what it finds,', () => {
  const put = async (key: IDBValidKey, value: unknown): Promise<void> => {
    const db = await opening(name);
    const transaction = db.transaction('entries', 'readwrite');
    transaction.objectStore('entries').put(value, key);
    await new Promise((resolve) => transaction.addEventListener('complete', resolve));
    db.close();
  };
  const found = async (key: IDBValidKey): Promise<unknown> => {
    const db = await opening(name);
    const request = db.transaction('entries').objectStore('entries').get(key);
    await new Promise((resolve) => request.addEventListener('success', resolve));
    db.close();
    return request.result;
  };

  test.each<[string, unknown]>([
    ['null', null],
    ['a text', 'hello'],
    ['a number', 5],
    ['an object', { name: 'ann' }],
    ['a value that is no text', { value: 5, version: 5 }],
    ['a version that is no number', { value: 'x', version: '5' }],
    ['an expiry that is no number', { value: 'x', version: 5, expires: 'never' }],
  ])('at an entry that is %s', async (_, value) => {
    await store.set('other', 'value');
    await put('key', value);
    await refusal(store.get('key'));
    await refusal(store.set('key', 'value'));
    await refusal(store.set('key', 'value', { ifVersion: null }));
    const error = await refusal(store.delete('key'));
    expect(error.message).toMatch(/The entry key of the database kyoa-.* is not one that kyoa wrote/);
    expect(await found('key')).toEqual(value);
  });

  test('at a counter that is no version', async () => {
    await store.set('other', 'value');
    await put(0, 'hello');
    await refusal(store.set('key', 'value'));
    expect(await found(0)).toBe('hello');
  });
});
