/** A storage in a Map: the default everywhere. Its entries end with the process or the page. */
import { StorageError } from '../../src/core/errors.ts';
import { count, delay, knownKeys } from '../../src/core/options.ts';
import type { Entry, Storage, Version } from '../../src/core/storage.ts';

export interface MemoryOptions {
  /** Beyond this number the oldest entry without a ttl is evicted. An entry whose ttl still runs never is. @default 10_000 */
  readonly maxEntries?: number;
}

/** Entries that each write checks for their expiry, so that no timer is needed. */
const sweep = 2;

/**
 * Keeps entries in a Map. Every operation is atomic, because none of them awaits anything. A write to a store that is
 * full of entries whose ttl still runs rejects with `StorageError`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function memory(options: MemoryOptions = {}): Storage {
  knownKeys('memory', options, ['maxEntries']);
  const maxEntries = count('memory maxEntries', options.maxEntries ?? 10_000, 1);

  // Two Maps, so that the next entry to evict is the first one: a Map keeps the order of its writes.
  const lasting = new Map<string, Entry>();
  const expiring = new Map<string, Entry & { readonly expires: number }>();
  let cursor = expiring.entries();
  let latest: Version = 0;
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new StorageError('The memory storage is closed; make a new one with memory()');
  };
  const find = (key: string): Entry | undefined => {
    const entry = expiring.get(key);
    if (entry === undefined) return lasting.get(key);
    if (entry.expires > Date.now()) return entry;
    expiring.delete(key);
    return undefined;
  };
  const dropExpired = (steps: number): void => {
    const now = Date.now();
    for (let step = 0; step < steps; step += 1) {
      const { done, value } = cursor.next();
      if (done === true) {
        cursor = expiring.entries();
        return;
      }
      if (value[1].expires <= now) expiring.delete(value[0]);
    }
  };
  const makeRoom = (): void => {
    if (lasting.size + expiring.size < maxEntries) return;
    const [oldest] = lasting.keys();
    if (oldest !== undefined) return void lasting.delete(oldest);
    cursor = expiring.entries();
    dropExpired(expiring.size);
    if (expiring.size < maxEntries) return;
    throw new StorageError(`The memory storage holds ${maxEntries} entries whose ttl still runs; raise maxEntries`);
  };

  return {
    async get(key) {
      mustBeOpen();
      return find(key);
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      mustBeOpen();
      delay('ttl', ttl);
      const present = find(key);
      if (ifVersion !== undefined && (present?.version ?? null) !== ifVersion) return undefined;
      dropExpired(sweep);
      if (present === undefined) makeRoom();
      lasting.delete(key);
      expiring.delete(key);
      latest += 1;
      if (ttl === Infinity) lasting.set(key, { value, version: latest });
      else expiring.set(key, { value, version: latest, expires: Date.now() + ttl });
      return latest;
    },
    async delete(key, { ifVersion } = {}) {
      mustBeOpen();
      const present = find(key);
      if (present === undefined || (ifVersion !== undefined && present.version !== ifVersion)) return false;
      return lasting.delete(key) || expiring.delete(key);
    },
    async close() {
      closed = true;
      lasting.clear();
      expiring.clear();
    },
  };
}
