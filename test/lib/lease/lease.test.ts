import { memory, StorageError, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import {
  acquireLease,
  watchLease,
  type LeaseOutcome,
  type LeaseOptions,
  type Lease,
  type LeaseWatch,
} from '../../../src/lib/lease/lease.ts';
import { formerResult, parseRecord } from '../../../src/lib/lease/lease-record.ts';
import { reasonOf } from '../../support/promises.ts';

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

async function acquired(
  more: Partial<LeaseOptions> = {},
  watch?: LeaseWatch,
): Promise<Lease & { readonly inDoubt: boolean }> {
  const found = await acquireLease({ ...options, ...more }, watch);
  if (found.state !== 'acquired') throw new Error(`The key is ${found.state}`);
  return { ...found.lease, inDoubt: found.inDoubt };
}

const state = async (more: Partial<LeaseOptions> = {}): Promise<LeaseOutcome['state']> =>
  (await acquireLease({ ...options, ...more })).state;

/** Acquires a lease and never writes again, as a process that was killed. */
async function dead(more: Partial<LeaseOptions> = {}): Promise<void> {
  await acquired(more);
  vi.clearAllTimers();
}

/** Watches the lease of a dead holder until it may be taken over. */
async function watched(more: Partial<LeaseOptions> = {}): Promise<LeaseWatch> {
  const watch = watchLease();
  for (let left = lease / 3; left > 0;) {
    const found = await acquireLease({ ...options, ...more }, watch);
    if (found.state !== 'held') throw new Error(`The key is ${found.state}`);
    const step = Math.min(left, found.lookIn);
    vi.advanceTimersByTime(step);
    left -= step;
  }
  return watch;
}

describe('acquireLease', () => {
  test('gives the lease to one of 100 concurrent callers', async () => {
    const found = await Promise.all(Array.from({ length: 100 }, () => acquireLease(options)));
    expect(found.filter((one) => one.state === 'acquired')).toHaveLength(1);
    expect(found.filter((one) => one.state === 'held')).toHaveLength(99);
    vi.clearAllTimers();
  });

  test('reports a lease as held until it is completed, and then gives every caller the result', async () => {
    const holding = await acquired();
    expect(await acquireLease(options)).toEqual({ state: 'held', retryIn: lease, lookIn: lease / 6 });
    expect(await holding.complete({ result: 'result' })).toBe(true);
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });
  });

  test('gives a released lease to the next caller at once, not in doubt', async () => {
    await (await acquired()).release();
    const next = await acquired();
    expect(next.inDoubt).toBe(false);
    await next.release();
  });

  test('reports another fingerprint under the same key as a mismatch, while the lease is held and when it is done', async () => {
    const holding = await acquired();
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
    await holding.complete({ result: 'result' });
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
  });

  test('reports another fingerprint than that of a dead holder as a mismatch', async () => {
    await dead();
    vi.advanceTimersByTime(2 * lease);
    expect(await state({ fingerprint: 'other' })).toBe('mismatch');
  });

  test('ignores every call on a lease after complete() or release()', async () => {
    const holding = await acquired();
    await holding.complete({ result: 'result' });
    await holding.release();
    expect(await holding.complete({ result: 'another' })).toBe(false);
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });

    const released = await acquired({ key: 'other' });
    await Promise.all([released.release(), released.complete({ result: 'too late' })]);
    const next = await acquired({ key: 'other' });
    await next.release();
  });

  test('forgets a result after its ttl', async () => {
    await (await acquired()).complete({ result: 'result' });
    vi.advanceTimersByTime(ttl - 1);
    expect(await state()).toBe('done');
    vi.advanceTimersByTime(1);
    await (await acquired()).release();
  });
});

describe('a lease', () => {
  test('expires for a dead holder, and goes to exactly one of 100 successors, in doubt', async () => {
    await dead();
    vi.advanceTimersByTime(lease * (2 / 3));
    const watch = await watched();
    const watches = Array.from({ length: 100 }, () => watch);
    expect(await acquireLease(options)).toMatchObject({ state: 'held', retryIn: 0 });
    const found = await Promise.all(watches.map((one) => acquireLease(options, one)));
    const winners = found.filter((one) => one.state === 'acquired');
    expect(winners).toHaveLength(1);
    expect(winners[0]).toMatchObject({ inDoubt: true });
    vi.clearAllTimers();
  });

  test('is renewed while its holder is slow', async () => {
    const holding = await acquired();
    for (let third = 0; third < 30; third += 1) {
      await vi.advanceTimersByTimeAsync(lease / 3);
      expect(await state()).toBe('held');
    }
    expect(await holding.complete({ result: 'late, but in time' })).toBe(true);
  });

  test('outlasts a shorter ttl while its holder is slow', async () => {
    const holding = await acquired({ ttl: 1_000 });
    await vi.advanceTimersByTimeAsync(5 * lease);
    expect(await state()).toBe('held');
    expect(await holding.complete({ result: 'result' })).toBe(true);
  });

  test('survives failed renewals if one in three succeeds', async () => {
    let writes = 0;
    const flaky: Storage = {
      ...storage,
      async set(...args) {
        writes += 1;
        if (writes % 3 !== 1) throw new StorageError('down');
        return storage.set(...args);
      },
    };
    const holding = await acquired({ storage: flaky });
    for (let third = 0; third < 30; third += 1) {
      expect(await state()).toBe('held');
      await vi.advanceTimersByTimeAsync(lease / 3);
    }
    await holding.release();
  });

  test('stays with its holder after a renewal that was written but not acknowledged', async () => {
    let losing = false;
    const lossy: Storage = {
      ...storage,
      async set(...args) {
        const version = await storage.set(...args);
        if (losing) throw new StorageError('written, but not acknowledged');
        return version;
      },
    };
    const [completing, releasing] = [
      await acquired({ storage: lossy }),
      await acquired({ storage: lossy, key: 'other' }),
    ];
    losing = true;
    await vi.advanceTimersByTimeAsync(lease / 3);
    losing = false;
    expect(await completing.complete({ result: 'result' })).toBe(true);
    await releasing.release();
    await (await acquired({ key: 'other' })).release();
  });

  test.each(['complete', 'release'] as const)(
    'is not renewed over a %s that takes longer than a renewal',
    async (end) => {
      let hurry: (() => void) | undefined;
      const wait = (): Promise<void> => new Promise((resolve) => (hurry = resolve));
      const slow: Storage = {
        ...storage,
        async set(...args) {
          if (args[1].includes('result')) await wait();
          return storage.set(...args);
        },
        async delete(...args) {
          await wait();
          return storage.delete(...args);
        },
      };
      const holding = await acquired({ storage: slow });
      const ended = end === 'complete' ? holding.complete({ result: 'result' }) : holding.release();
      await vi.advanceTimersByTimeAsync(lease / 2);
      hurry!();
      await ended;
      await vi.advanceTimersByTimeAsync(lease / 2);
      expect((await storage.get('key'))?.value ?? 'free').toMatch(end === 'complete' ? '"result":"result"' : 'free');
    },
  );

  test('is lost when it has expired, and its former holder can neither complete nor release it', async () => {
    const stale = await acquired();
    const another = await acquired({ key: 'other' });
    vi.clearAllTimers(); // the process is frozen
    vi.advanceTimersByTime(lease);
    const successor = await acquired({}, await watched());
    const other = await acquired({ key: 'other' }, await watched({ key: 'other' }));
    expect(await stale.complete({ result: 'stale' })).toBe(false);
    await another.release();
    expect(await state()).toBe('held');
    expect(await state({ key: 'other' })).toBe('held');
    expect(await successor.complete({ result: 'result' })).toBe(true);
    await other.release();
    expect(await acquireLease(options)).toEqual({ state: 'done', result: 'result' });
  });

  test('is not taken over by a caller that was frozen together with its holder between two looks', async () => {
    await dead();
    vi.advanceTimersByTime(lease);
    const watch = watchLease();
    const looks = [0, 0.15, 0.47];
    for (const [index, at] of looks.entries()) {
      vi.advanceTimersByTime((at - (looks[index - 1] ?? 0)) * lease);
      expect((await acquireLease(options, watch)).state, `${at} of a lease`).toBe('held');
    }
    vi.advanceTimersByTime(0.02 * lease);
    await (await acquired({}, watch)).release();
  });

  test('is no longer renewed by a holder that continues after it has expired', async () => {
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
    const stale = await acquired({ storage: slow });
    await vi.advanceTimersByTimeAsync(2 * lease); // the first renewal hangs
    const successor = await acquired({}, await watched());
    frozen.resolve!();
    await vi.advanceTimersByTimeAsync(lease / 3);
    expect(vi.getTimerCount()).toBe(1); // the successor's
    expect(await stale.complete({ result: 'stale' })).toBe(false);
    expect(await successor.complete({ result: 'result' })).toBe(true);
  });

  test.each([Infinity, 2 ** 40])('of %d ms never expires and sets no timer', async (lease) => {
    const holding = await acquired({ lease });
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(ttl / 2);
    const found = await acquireLease({ ...options, lease });
    expect(found.state).toBe('held');
    await holding.release();
  });
});

describe('a lease on a storage that is down', () => {
  const down = async (): Promise<never> => {
    throw new StorageError('down');
  };

  test('is not acquired', async () => {
    await expect(acquireLease({ ...options, storage: { ...storage, get: down } })).rejects.toThrow(StorageError);
    await expect(acquireLease({ ...options, storage: { ...storage, set: down } })).rejects.toThrow(StorageError);
  });

  test('rejects complete() when it has tried for a lease, and stays held until it expires', async () => {
    let working = true;
    const dying: Storage = { ...storage, set: (...args) => (working ? storage.set(...args) : down()) };
    const holding = await acquired({ storage: dying });
    working = false;
    const reason = reasonOf(holding.complete({ result: 'result' }));
    await vi.advanceTimersByTimeAsync(lease);
    expect(await reason).toBeInstanceOf(StorageError);
    await holding.release();
    expect(await state()).toBe('held');
    const next = await acquired({}, await watched());
    expect(next.inDoubt).toBe(true);
    await next.release();
  });

  test('resolves release(), and stays held until it expires', async () => {
    const holding = await acquired({ storage: { ...storage, delete: down } });
    await holding.release();
    expect(await state()).toBe('held');
  });

  test.each(['complete', 'release'] as const)(
    'ends %s() soon after a lease if the storage never responds',
    async (end) => {
      let responds = true;
      const hang = <T>(): Promise<T> => new Promise(() => {});
      const hanging: Storage = {
        ...storage,
        set: (...args) => (responds ? storage.set(...args) : hang()),
        delete: hang,
      };
      const holding = await acquired({ storage: hanging });
      responds = false;
      const outcome = holding[end]({ result: 'result' }).catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(lease + 1_000);
      if (end === 'release') expect(await outcome).toBe(true);
      else
        expect(await outcome).toMatchObject({
          code: 'STORAGE',
          message: expect.stringMatching(/did not respond within/),
        });
      await vi.advanceTimersByTimeAsync(lease);
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});

describe('a lease whose work replaces a result', () => {
  const replaces = (result: string | null): boolean => result === 'old';
  const stored = async (): Promise<string | undefined> => formerResult(parseRecord('key', (await storage.get('key'))!));

  test('leaves the former result readable until the new one is stored', async () => {
    await (await acquired()).complete({ result: 'old' });
    const again = await acquired({ replaces });
    expect(await stored()).toBe('old');
    expect(await acquireLease(options)).toMatchObject({ state: 'held' });
    await again.complete({ result: 'new' });
    expect(await acquireLease({ ...options, replaces })).toMatchObject({ state: 'done', result: 'new' });
  });

  test('stores the former result again when it is released', async () => {
    await (await acquired()).complete({ result: 'old' });
    expect(await (await acquired({ replaces })).release()).toBe(true);
    expect(await acquireLease(options)).toMatchObject({ state: 'done', result: 'old' });
  });

  test('says when it is released that a successor has taken over, and leaves its result alone', async () => {
    await (await acquired()).complete({ result: 'old' });
    const lost = await acquired({ replaces });
    await storage.set('key', JSON.stringify({ fingerprint: 'print', holder: 'another', result: 'new' }));
    expect(await lost.release()).toBe(false);
    expect(await stored()).toBe('new');
  });
});
