import { constant, idempotency, memory, retry, StorageError, type Storage } from 'kyoa';
import { file } from 'kyoa/file';
import { indexeddb } from 'kyoa/indexeddb';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';

import { stub } from '../../support/call.ts';
import { until } from '../../support/origin.ts';
import { numbered, order, url } from './order.ts';

describe('idempotency', () => {
  const closed = async (storage: Storage): Promise<Storage> => {
    await storage.close();
    return storage;
  };
  const full = async (): Promise<Storage> => {
    const storage = memory({ maxEntries: 1 });
    await storage.set('other', 'value', { ttl: 60_000 });
    return storage;
  };

  test.each([
    ['memory, closed', () => closed(memory())],
    ['memory, full', full],
    ['file, closed', () => closed(file(join(tmpdir(), 'never-made.db')))],
    ['file, where none can be', async () => file(join(import.meta.filename, 'store.db'))],
    ['indexeddb, where there is none', async () => indexeddb('none')],
  ])('fails the call before anything is sent if its storage is down: %s', async (_, open) => {
    const { fetch, sent } = stub([idempotency({ storage: await open() }), retry({ backoff: constant(0) })], numbered());
    await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(StorageError);
    expect(sent).toEqual([]);
    // A call that stores nothing does not need the storage.
    expect((await fetch(url, order)).status).toBe(200);
  });

  test('returns a response that cannot be stored, and reports it as unrecorded', async ({ onTestFinished }) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const storage = memory();
    const failure = new StorageError('down');
    let writes = 0;
    const dying: Storage = {
      ...storage,
      async set(...args) {
        writes += 1;
        if (writes > 1) throw failure;
        return storage.set(...args);
      },
    };
    const { fetch, events } = stub([idempotency({ storage: dying })], numbered(201));
    const pending = fetch(url, { ...order, requestId: 'k' });
    await until(() => writes > 1);
    await vi.advanceTimersByTimeAsync(15_000);
    const response = await pending;
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('response 1');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', key: 'k', error: failure }),
    );

    // The write may have succeeded, so a repeat watches before it is sent.
    const second = stub([idempotency({ storage })], numbered());
    const repeated = second.fetch(url, { ...order, requestId: 'k' });
    await until(() => second.types().includes('idempotency.awaited'));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(second.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    await repeated;
    expect(second.types()).toContain('idempotency.recovered');
  });
});
