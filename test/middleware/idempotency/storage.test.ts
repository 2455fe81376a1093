import { constant, idempotency, IdempotencyError, memory, retry, StorageError, type Storage } from 'kyoa';
import { file } from 'kyoa/file';
import { indexeddb } from 'kyoa/indexeddb';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { stub } from '../../support/call.ts';
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

  test('returns a response that cannot be stored, and reports it as unrecorded', async () => {
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
    const response = await fetch(url, { ...order, requestId: 'k' });
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('response 1');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', key: 'k', error: failure }),
    );

    // The write may have succeeded, so no repeat is sent before the lease expires.
    const second = stub([idempotency({ storage, conflict: 'throw' })], numbered());
    await expect(second.fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(IdempotencyError);
  });
});
