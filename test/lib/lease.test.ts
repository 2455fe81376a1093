import { memory, StorageError, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { acquireLease, type LeaseOutcome, type LeaseOptions, type Lease } from '../../src/lib/lease.ts';

const lease = 30_000;
const ttl = 3_600_000;

let storage: Storage;
let options: LeaseOptions;

beforeEach(() => {
  vi.useFakeTimers();
  storage = memory();
  options = { storage, key: 'key', fingerprint: 'print', lease, ttl };
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

async function held(more: Partial<LeaseOptions> = {}): Promise<Lease & { readonly inDoubt: boolean }> {
  const found = await acquireLease({ ...options, ...more });
  if (found.state !== 'mine') throw new Error(`The key is ${found.state}`);
  return { ...found.holding, inDoubt: found.inDoubt };
}

const state = async (more: Partial<LeaseOptions> = {}): Promise<LeaseOutcome['state']> =>
  (await acquireLease({ ...options, ...more })).state;

/** As a process that was killed: it never writes again. */
async function dead(more: Partial<LeaseOptions> = {}): Promise<void> {
  await held(more);
  vi.clearAllTimers();
}

describe('a claim', () => {
  test('is given to one of many who ask at once', async () => {
    const found = await Promise.all(Array.from({ length: 100 }, () => acquireLease(options)));
    expect(found.filter((one) => one.state === 'mine')).toHaveLength(1);
    expect(found.filter((one) => one.state === 'held')).toHaveLength(99);
    vi.clearAllTimers();
  });

  test('is held until it is completed; then everybody gets the result', async () => {
    const holding = await held();
    expect(await acquireLease(options)).toEqual({ state: 'held', retryIn: lease });
    expect(await holding.complete('result')).toBe(true);
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });
  });

  test('is free at once when it is released, and the next holder has nothing to doubt', async () => {
    await (await held()).release();
    const next = await held();
    expect(next.inDoubt).toBe(false);
    await next.release();
  });

  test('of something else under the same key is a mismatch, while it is held and when it is done', async () => {
    const holding = await held();
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
    await holding.complete('result');
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
  });

  test('is a mismatch for a payload other than that of a holder who died', async () => {
    await dead();
    vi.advanceTimersByTime(2 * lease);
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
  });

  test('ends once: whatever comes after completion or release does nothing', async () => {
    const holding = await held();
    await holding.complete('result');
    await holding.release();
    expect(await holding.complete('another')).toBe(false);
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });

    const released = await held({ key: 'other' });
    await Promise.all([released.release(), released.complete('too late')]);
    const next = await held({ key: 'other' });
    await next.release();
  });

  test('forgets a result after its ttl', async () => {
    await (await held()).complete('result');
    vi.advanceTimersByTime(ttl - 1);
    expect(await state()).toBe('done');
    vi.advanceTimersByTime(1);
    await (await held()).release();
  });
});

describe('a lease', () => {
  test('runs out for a holder who died: exactly one of many successors takes over, and knows it', async () => {
    await dead();
    vi.advanceTimersByTime(lease - 1);
    expect(await acquireLease(options)).toEqual({ state: 'held', retryIn: 1 });
    vi.advanceTimersByTime(1);
    const found = await Promise.all(Array.from({ length: 100 }, () => acquireLease(options)));
    const winners = found.filter((one) => one.state === 'mine');
    expect(winners).toHaveLength(1);
    expect(winners[0]).toMatchObject({ inDoubt: true });
    vi.clearAllTimers();
  });

  test('is renewed for as long as a slow holder lives', async () => {
    const holding = await held();
    for (let third = 0; third < 30; third += 1) {
      await vi.advanceTimersByTimeAsync(lease / 3);
      expect(await state()).toBe('held');
    }
    expect(await holding.complete('late, but in time')).toBe(true);
  });

  test('of a slow holder outlasts a ttl that is shorter', async () => {
    const holding = await held({ ttl: 1_000 });
    await vi.advanceTimersByTimeAsync(5 * lease);
    expect(await state()).toBe('held');
    expect(await holding.complete('result')).toBe(true);
  });

  test('survives renewals that fail, as long as one in three succeeds', async () => {
    let writes = 0;
    const flaky: Storage = {
      ...storage,
      async set(...args) {
        writes += 1;
        if (writes % 3 !== 1) throw new StorageError('down');
        return storage.set(...args);
      },
    };
    const holding = await held({ storage: flaky });
    for (let third = 0; third < 30; third += 1) {
      expect(await state()).toBe('held');
      await vi.advanceTimersByTimeAsync(lease / 3);
    }
    await holding.release();
  });

  test('is still its own after a renewal whose acknowledgement got lost', async () => {
    let losing = false;
    const lossy: Storage = {
      ...storage,
      async set(...args) {
        const version = await storage.set(...args);
        if (losing) throw new StorageError('carried out, but the answer got lost');
        return version;
      },
    };
    const [completing, releasing] = [await held({ storage: lossy }), await held({ storage: lossy, key: 'other' })];
    losing = true;
    await vi.advanceTimersByTimeAsync(lease / 3);
    losing = false;
    expect(await completing.complete('result')).toBe(true);
    await releasing.release();
    await (await held({ key: 'other' })).release();
  });

  test('that ran out is lost: the result and the release of a stale holder touch nothing', async () => {
    const stale = await held();
    const another = await held({ key: 'other' });
    vi.clearAllTimers(); // frozen
    vi.advanceTimersByTime(lease);
    const [successor, other] = [await held(), await held({ key: 'other' })];
    expect(await stale.complete('stale')).toBe(false);
    await another.release();
    expect(await state()).toBe('held');
    expect(await state({ key: 'other' })).toBe('held');
    expect(await successor.complete('result')).toBe(true);
    await other.release();
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });
  });

  test('is no longer renewed by a holder who wakes up too late', async () => {
    const frozen: { resolve?: () => void } = {};
    const slow: Storage = {
      ...storage,
      async get(key) {
        return storage.get(key);
      },
      async set(...args) {
        if (frozen.resolve === undefined && args[2]?.ifVersion !== null) {
          await new Promise<void>((resolve) => (frozen.resolve = resolve));
        }
        return storage.set(...args);
      },
    };
    const stale = await held({ storage: slow });
    await vi.advanceTimersByTimeAsync(2 * lease); // its first renewal does not come through
    const successor = await held();
    frozen.resolve!();
    await vi.advanceTimersByTimeAsync(lease / 3);
    expect(vi.getTimerCount()).toBe(1); // the successor's
    expect(await stale.complete('stale')).toBe(false);
    expect(await successor.complete('result')).toBe(true);
  });

  test.each([Infinity, 2 ** 40])('of %d ms never runs out and sets no timer', async (lease) => {
    const holding = await held({ lease });
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(ttl / 2);
    const found = await acquireLease({ ...options, lease });
    expect(found.state).toBe('held');
    await holding.release();
  });
});

describe('with a storage that is down', () => {
  const down = async (): Promise<never> => {
    throw new StorageError('down');
  };

  test('nothing is claimed', async () => {
    await expect(acquireLease({ ...options, storage: { ...storage, get: down } })).rejects.toThrow(StorageError);
    await expect(acquireLease({ ...options, storage: { ...storage, set: down } })).rejects.toThrow(StorageError);
  });

  test('a result that cannot be written rejects, and the key stays held until the lease runs out', async () => {
    let working = true;
    const dying: Storage = { ...storage, set: (...args) => (working ? storage.set(...args) : down()) };
    const holding = await held({ storage: dying });
    working = false;
    await expect(holding.complete('result')).rejects.toThrow(StorageError);
    await holding.release();
    expect(await state()).toBe('held');
    vi.advanceTimersByTime(lease);
    const next = await held();
    expect(next.inDoubt).toBe(true);
    await next.release();
  });

  test('a release that fails is no error: the lease runs out', async () => {
    const holding = await held({ storage: { ...storage, delete: down } });
    await holding.release();
    expect(await state()).toBe('held');
  });
});
