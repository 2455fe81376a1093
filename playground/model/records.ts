/** Reads kyoa's records directly from IndexedDB, in the layout of `kyoa/indexeddb`, as the developer tools do. */
import { indexeddb } from 'kyoa/indexeddb';
import { database } from './policies/idempotency.ts';
import type { Records, StoredRecord } from './types.ts';

interface Kept {
  readonly value: string;
  readonly version: number;
  readonly expires?: number;
}

const store = 'entries';
/** The maximum of characters that are shown of a value. */
const longest = 2_000;

export function openRecords(): Records {
  return {
    async list() {
      const [keys, values] = await read();
      return keys
        .flatMap((key, i) => (typeof key === 'string' ? [show(key, values[i]!)] : [])) // a number: the adapter's counter
        .filter(({ expires }) => (expires ?? Infinity) > Date.now())
        .toSorted((a, b) => b.version - a.version);
    },
    async clear() {
      const [keys] = await read();
      const storage = indexeddb(database);
      for (const key of keys) if (typeof key === 'string') await storage.delete(key);
      await storage.close();
    },
  };
}

async function read(): Promise<[readonly IDBValidKey[], readonly Kept[]]> {
  const storage = indexeddb(database);
  await storage.get(''); // creates the database if it does not exist yet
  await storage.close();
  const db = await settled(indexedDB.open(database));
  try {
    const entries = db.transaction(store).objectStore(store);
    return await Promise.all([settled(entries.getAllKeys()), settled(entries.getAll() as IDBRequest<Kept[]>)]);
  } finally {
    db.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error!));
  });
}

function show(key: string, { value, version, expires }: Kept): StoredRecord {
  return { key, version, expires, state: stateOf(key, value), bytes: value.length, value: value.slice(0, longest) };
}

function stateOf(key: string, value: string): StoredRecord['state'] {
  if (!key.startsWith('idempotency ')) return 'other';
  return 'result' in (JSON.parse(value) as object) ? 'done' : 'running';
}
