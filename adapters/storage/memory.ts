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

interface Stored {
  readonly entry: Entry;
  readonly owner: string | undefined;
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
  const lasting = new Map<string, Stored>();
  const expiring = new Map<string, Stored>();
  const owned = new Map<string, number>();
  let cursor = expiring.entries();
  let latest: Version = 0;
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new StorageError('The memory storage is closed; make a new one with memory()');
  };
  const entriesOf = (owner: string): number => owned.get(owner) ?? 0;
  const countEntry = (owner: string | undefined, change: 1 | -1): void => {
    if (owner === undefined) return;
    const count = entriesOf(owner) + change;
    if (count > 0) owned.set(owner, count);
    else owned.delete(owner);
  };
  const stored = (key: string): Stored | undefined => lasting.get(key) ?? expiring.get(key);
  const remove = (key: string): boolean => {
    countEntry(stored(key)?.owner, -1);
    return lasting.delete(key) || expiring.delete(key);
  };
  const find = (key: string): Entry | undefined => {
    const entry = stored(key)?.entry;
    if (entry?.expires === undefined || entry.expires > Date.now()) return entry;
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
      if (value[1].entry.expires! <= now) remove(value[0]);
    }
  };
  const need = (room: () => boolean, fault: string): void => {
    if (room()) return;
    cursor = expiring.entries();
    dropExpired(expiring.size);
    if (!room()) throw new StorageError(`${fault}; raise maxEntries`);
  };
  const makeRoom = (owner: string | undefined): void => {
    const isWithinShare = (): boolean => owner === undefined || entriesOf(owner) < maxEntries * largestShare;
    const hasRoom = (): boolean => lasting.size + expiring.size < maxEntries;
    need(isWithinShare, `One owner has half of the ${maxEntries} entries of the memory storage`);
    const oldest = hasRoom() ? undefined : lasting.keys().next().value;
    if (oldest !== undefined) remove(oldest);
    need(hasRoom, `The memory storage holds ${maxEntries} entries whose ttl still runs`);
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
      if (present === undefined) makeRoom(owner);
      remove(key);
      countEntry(owner, 1);
      latest += 1;
      const entry = { value, version: latest };
      if (ttl === Infinity) lasting.set(key, { entry, owner });
      else expiring.set(key, { entry: { ...entry, expires: Date.now() + ttl }, owner });
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
      owned.clear();
    },
  };
}
