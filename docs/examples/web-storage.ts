/** Keeps state in the localStorage of a page: small, shared by the tabs of an origin, kept across a reload. */
import { KyoaError, StorageError, type Entry, type Storage } from 'kyoa';

export function webStorage(name: string): Storage {
  let closed = false;

  /** Only one tab runs at a time. Every failure is a StorageError. */
  const alone = async <T>(work: () => T): Promise<T> => {
    if (closed) throw new StorageError(`The storage ${name} is closed; open it anew`);
    return navigator.locks.request(name, () => {
      try {
        return work();
      } catch (cause) {
        throw new StorageError(`localStorage failed: ${String(cause)}`, { cause });
      }
    });
  };
  const place = (key: string): string => `${name}/${key}`;
  const find = (key: string): Entry | undefined => {
    const text = localStorage.getItem(place(key));
    if (text === null) return undefined;
    const entry = JSON.parse(text) as Entry;
    if ((entry.expires ?? Infinity) > Date.now()) return entry;
    localStorage.removeItem(place(key));
    return undefined;
  };
  /** Rises permanently, also when entries are deleted. */
  const nextVersion = (): number => {
    const version = Number(localStorage.getItem(name) ?? 0) + 1;
    localStorage.setItem(name, String(version));
    return version;
  };

  return {
    get: (key) => alone(() => find(key)),
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      if (typeof ttl !== 'number' || !(ttl >= 0)) throw new KyoaError('INVALID_OPTION', 'ttl must be 0 ms or more');
      return alone(() => {
        if (ifVersion !== undefined && (find(key)?.version ?? null) !== ifVersion) return undefined;
        const version = nextVersion();
        const expires = ttl < Infinity && { expires: Date.now() + ttl };
        localStorage.setItem(place(key), JSON.stringify({ value, version, ...expires }));
        return version;
      });
    },
    delete: (key, { ifVersion } = {}) =>
      alone(() => {
        const entry = find(key);
        if (entry === undefined || (ifVersion ?? entry.version) !== entry.version) return false;
        localStorage.removeItem(place(key));
        return true;
      }),
    async close() {
      closed = true;
    },
  };
}
