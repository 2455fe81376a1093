import { KyoaError, memory, StorageError } from 'kyoa';
import { storageContract } from 'kyoa/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
});

describe('memory keeps the contract', () => {
  const clauses = storageContract(() => memory(), { shared: false });
  test.each(clauses.map(({ name, run }) => [name, run] as const))('%s', (_, run) => run());
});

describe('memory', () => {
  const keys = ['a', 'b', 'c', 'd'];
  const present = async (store: ReturnType<typeof memory>): Promise<string[]> => {
    const entries = await Promise.all(keys.map((key) => store.get(key)));
    return keys.filter((_, index) => entries[index] !== undefined);
  };

  test('evicts the entry that was written longest ago', async () => {
    const store = memory({ maxEntries: 3 });
    for (const key of ['a', 'b', 'c']) await store.set(key, 'value');
    await store.set('a', 'written again');
    await store.get('b');
    await store.set('d', 'value');
    expect(await present(store)).toEqual(['a', 'c', 'd']);
  });

  test('evicts no entry whose ttl still runs', async () => {
    const store = memory({ maxEntries: 3 });
    await store.set('a', 'value', { ttl: 60_000 });
    for (const key of ['b', 'c', 'd']) await store.set(key, 'value');
    expect(await present(store)).toEqual(['a', 'c', 'd']);
  });

  test('overwrites an entry at its limit without an eviction', async () => {
    const store = memory({ maxEntries: 2 });
    await store.set('a', 'value');
    await store.set('b', 'value', { ttl: 60_000 });
    await store.set('a', 'longer', { ttl: 60_000 });
    await store.set('b', 'shorter');
    expect(await present(store)).toEqual(['a', 'b']);
  });

  test('rejects with StorageError while every ttl still runs, and has room again once one has expired', async () => {
    vi.useFakeTimers();
    const store = memory({ maxEntries: 2 });
    await store.set('a', 'value', { ttl: 60_000 });
    await store.set('b', 'value', { ttl: 10_000 });
    await expect(store.set('c', 'value')).rejects.toThrow(StorageError);
    await expect(store.set('c', 'value')).rejects.toThrow(/raise maxEntries/);
    expect(await store.set('b', 'still writable', { ttl: 10_000 })).toBeDefined();

    vi.advanceTimersByTime(10_000);
    await store.set('c', 'value');
    expect(await present(store)).toEqual(['a', 'c']);
  });

  test('lets one owner have half of its entries, and others the rest', async () => {
    vi.useFakeTimers();
    const store = memory({ maxEntries: 4 });
    const of = (owner: string): { ttl: number; owner: string } => ({ ttl: 60_000, owner });
    for (const key of ['a', 'b']) await store.set(key, 'value', of('stranger'));
    await expect(store.set('c', 'value', of('stranger'))).rejects.toThrow(StorageError);
    await expect(store.set('c', 'value', of('stranger'))).rejects.toThrow(/One owner has half of the 4 entries/);
    expect(await store.set('a', 'again', of('stranger'))).toBeDefined();
    await store.set('c', 'value', of('ann'));
    await store.set('d', 'value');
    expect(await present(store)).toEqual(['a', 'b', 'c', 'd']);

    await store.delete('a');
    await store.set('a', 'value', of('stranger'));
    await expect(store.set('e', 'value', of('stranger'))).rejects.toThrow(StorageError);
    vi.advanceTimersByTime(60_000);
    expect(await store.set('e', 'value', of('stranger'))).toBeDefined();
  });

  test('gives an evicted key a higher version than before', async () => {
    const store = memory({ maxEntries: 1 });
    const before = await store.set('a', 'value');
    await store.set('b', 'value');
    expect(await store.set('a', 'value')).toBeGreaterThan(before ?? Infinity);
  });

  test('removes expired entries as it writes, without a timer', async () => {
    vi.useFakeTimers();
    const store = memory();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 1_000; index += 1) {
      await store.set(`${index}`, Buffer.alloc(100_000, index.toString()).toString('latin1'), { ttl: 10 });
      vi.advanceTimersByTime(1);
    }
    expect(vi.getTimerCount()).toBe(0);
    globalThis.gc?.();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
    await store.close();
  });

  test('refuses a maxEntries that is not a whole number of 1 or more, and unknown options', () => {
    for (const maxEntries of [0, -1, 1.5, Number.NaN, '5']) {
      expect(() => memory({ maxEntries: maxEntries as number })).toThrow(KyoaError);
    }
    expect(() => memory({ limit: 5 } as object)).toThrow(/memory has no option limit/);
  });
});
