/** Shows that the contract finds each flaw of a storage. */
import { memory, StorageError, type Storage } from 'kyoa';
import { storageContract, type Clause } from 'kyoa/testing';
import { describe, expect, test } from 'vitest';

async function broken(clauses: readonly Clause[]): Promise<string[]> {
  const results = await Promise.allSettled(clauses.map(({ run }) => run()));
  return clauses.filter((_, index) => results[index]?.status === 'rejected').map(({ name }) => name);
}

/** A memory() with some operations replaced by wrong ones. */
function flawed(flaw: (store: Storage) => Partial<Storage>): Clause[] {
  return storageContract(
    () => {
      const store = memory();
      return { ...store, ...flaw(store) };
    },
    { shared: false },
  );
}

const flaws: Record<string, (store: Storage) => Partial<Storage>> = {
  'reads and writes in two steps': (store) => ({
    set: async (key, value, options = {}) => {
      const { ifVersion, ...rest } = options;
      const present = await store.get(key);
      await Promise.resolve();
      if (ifVersion !== undefined && (present?.version ?? null) !== ifVersion) return undefined;
      return store.set(key, value, rest);
    },
  }),
  'ignores ifVersion': (store) => ({
    set: (key, value, { ttl } = {}) => store.set(key, value, ttl === undefined ? {} : { ttl }),
  }),
  'ignores ifVersion in delete': (store) => ({ delete: (key) => store.delete(key) }),
  'ignores the ttl': (store) => ({
    set: (key, value, { ttl, ...options } = {}) => store.set(key, value, { ...options, ...(ttl === 0 && { ttl }) }),
  }),
  'counts versions per key': (store) => {
    const versions = new Map<string, number>();
    return {
      set: async (key, value) => {
        await store.set(key, value);
        versions.set(key, (versions.get(key) ?? 0) + 1);
        return versions.get(key);
      },
      delete: (key) => {
        versions.delete(key);
        return store.delete(key);
      },
    };
  },
  'trims its values': (store) => ({ set: (key, value, options) => store.set(key, value.trim(), options) }),
  'cannot hold lone surrogates': (store) => {
    const asUtf8 = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text));
    return { set: (key, value, options) => store.set(key, asUtf8(value), options) };
  },
  'folds the case of its keys': (store) => ({
    get: (key) => store.get(key.toLowerCase()),
    set: (key, value, options) => store.set(key.toLowerCase(), value, options),
    delete: (key) => store.delete(key.toLowerCase()),
  }),
  'truncates long keys': (store) => ({
    get: (key) => store.get(key.slice(0, 255)),
    set: (key, value, options) => store.set(key.slice(0, 255), value, options),
    delete: (key) => store.delete(key.slice(0, 255)),
  }),
  'returns its expiry in seconds': (store) => ({
    get: async (key) => {
      const entry = await store.get(key);
      return entry?.expires === undefined ? entry : { ...entry, expires: entry.expires / 1_000 };
    },
  }),
  'always returns true from delete': (store) => ({
    delete: async (key, options) => {
      await store.delete(key, options);
      return true;
    },
  }),
  'still works after close': () => ({ close: async () => {} }),
  'throws instead of rejecting': (store) => {
    let closed = false;
    return {
      get: (key) => {
        if (closed) throw new StorageError('closed');
        return store.get(key);
      },
      close: async () => {
        closed = true;
      },
    };
  },
};

describe('storageContract', () => {
  test.each(Object.entries(flaws))('finds a storage that %s', async (_, flaw) => {
    expect(await broken(flawed(flaw))).not.toEqual([]);
  });

  test('finds storages that do not share their entries, unless shared is false', async () => {
    const lone = storageContract(() => memory(), { shared: false });
    expect(await broken(lone)).toEqual([]);
    const names = new Set(lone.map(({ name }) => name));
    const shared = storageContract(() => memory()).filter(({ name }) => !names.has(name));
    expect(await broken(shared)).toHaveLength(shared.length - 1);
  });

  test('reports the operation, its result and the expected result', async () => {
    const clauses = flawed((store) => ({ get: (key) => store.get(`${key}-`) }));
    const results = await Promise.allSettled(clauses.map(({ run }) => run()));
    const reasons = results.map((result) => (result.status === 'rejected' ? String(result.reason) : ''));
    expect(reasons).toContain('Error: get after set is undefined, not {"value":"value","version":1}');
  });

  test('closes every storage that it has opened, even if a clause fails', async () => {
    let open = 0;
    const clauses = storageContract(() => {
      const store = memory();
      open += 1;
      let closed = false;
      return {
        ...store,
        get: () => Promise.reject(new Error('broken')),
        close: () => {
          if (!closed) open -= 1;
          closed = true;
          return store.close();
        },
      };
    });
    expect((await broken(clauses)).length).toBeGreaterThan(20);
    expect(open).toBe(0);
  });
});
