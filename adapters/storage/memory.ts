/** A storage in a Map: the default everywhere. Its entries end with the process or the page. */
import { StorageError } from '../../src/core/errors.ts';
import { count, delay, knownKeys } from '../../src/core/options.ts';
import type { Entry, Storage, Version } from '../../src/core/storage.ts';

/**
 * The options of `memory()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export interface MemoryOptions {
  /** Beyond this number the oldest entry without a ttl is evicted. An entry whose ttl still runs never is. @default 10_000 */
  readonly maxEntries?: number | undefined;
}

/** The largest share of the entries that belong to one owner: a stranger must not fill the store of all others. */
const largestShare = 1 / 2;

/** Entries that each write checks for their expiry, so that no timer is needed. */
const sweep = 2;

/**
 * Keeps entries in a Map. Every operation is atomic, because none of them awaits anything. A write to a store that is
 * full of entries whose ttl still runs rejects with `StorageError`, and so does a write for an owner of half of them.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * kyoa.create({ storage: memory({ maxEntries: 1_000 }) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export function memory(options: MemoryOptions = {}): Storage {
  knownKeys('memory', options, ['maxEntries']);
  const maxEntries = count('memory maxEntries', options.maxEntries ?? 10_000, 1);

  // Two Maps, so that the next entry to evict is the first one: a Map keeps the order of its writes.
  const lasting = new Map<string, Entry>();
  const expiring = new Map<string, Entry & { readonly expires: number }>();
  const owners = new Map<string, string>();
  const owned = new Map<string, number>();
  let cursor = expiring.entries();
  let latest: Version = 0;
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new StorageError('The memory storage is closed; make a new one with memory()');
  };
  const own = (key: string, owner: string | undefined): void => {
    if (owner === undefined) return;
    owners.set(key, owner);
    owned.set(owner, (owned.get(owner) ?? 0) + 1);
  };
  const remove = (key: string): boolean => {
    const owner = owners.get(key);
    if (owner !== undefined) {
      owners.delete(key);
      const left = owned.get(owner)! - 1;
      if (left > 0) owned.set(owner, left);
      else owned.delete(owner);
    }
    return lasting.delete(key) || expiring.delete(key);
  };
  const find = (key: string): Entry | undefined => {
    const entry = expiring.get(key);
    if (entry === undefined) return lasting.get(key);
    if (entry.expires > Date.now()) return entry;
    remove(key);
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
      if (value[1].expires <= now) remove(value[0]);
    }
  };
  const dropAllExpired = (): void => {
    cursor = expiring.entries();
    dropExpired(expiring.size);
  };
  const makeRoom = (): void => {
    if (lasting.size + expiring.size < maxEntries) return;
    const [oldest] = lasting.keys();
    if (oldest !== undefined) return void remove(oldest);
    dropAllExpired();
    if (expiring.size < maxEntries) return;
    throw new StorageError(`The memory storage holds ${maxEntries} entries whose ttl still runs; raise maxEntries`);
  };
  const checkShare = (owner: string | undefined): void => {
    const isWithin = (): boolean => owner === undefined || (owned.get(owner) ?? 0) < maxEntries * largestShare;
    if (isWithin()) return;
    dropAllExpired();
    if (isWithin()) return;
    throw new StorageError(`One owner has half of the ${maxEntries} entries of the memory storage; raise maxEntries`);
  };

  return {
    async get(key) {
      mustBeOpen();
      return find(key);
    },
    async set(key, value, { ttl = Infinity, ifVersion, owner } = {}) {
      mustBeOpen();
      delay('ttl', ttl);
      const present = find(key);
      if (ifVersion !== undefined && (present?.version ?? null) !== ifVersion) return undefined;
      dropExpired(sweep);
      if (present === undefined) {
        checkShare(owner);
        makeRoom();
      }
      remove(key);
      own(key, owner);
      latest += 1;
      if (ttl === Infinity) lasting.set(key, { value, version: latest });
      else expiring.set(key, { value, version: latest, expires: Date.now() + ttl });
      return latest;
    },
    async delete(key, { ifVersion } = {}) {
      mustBeOpen();
      const present = find(key);
      if (present === undefined || (ifVersion !== undefined && present.version !== ifVersion)) return false;
      return remove(key);
    },
    async close() {
      closed = true;
      lasting.clear();
      expiring.clear();
      owners.clear();
      owned.clear();
    },
  };
}
