/** A holder that lives keeps its lease when the storage fails, the clock is set or the process is frozen. */
import { idempotency, memory, StorageError, type IdempotencyOptions, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { stub, watched, type Stub } from '../../support/call.ts';
import { manual, type Manual } from '../../support/manual.ts';
import { until } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { numbered, order, typesOf, url } from './order.ts';

const call = { ...order, requestId: 'k' };
const name = 'idempotency ["http://api.example","k"]';
const hour = 3_600_000;

let storage: Storage;
beforeEach(() => {
  vi.useFakeTimers();
  storage = memory();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

interface Holder extends Manual {
  readonly response: Promise<Response>;
}

/** Sends a request, whose response the test gives by hand. */
async function hold(options: IdempotencyOptions = {}): Promise<Holder> {
  const server = manual();
  const response = watched([idempotency({ storage, ...options })], server.transport).fetch(url, call);
  await server.requested;
  return { ...server, response };
}

/** Holds a lease and never renews it, as a process that was killed. */
async function dead(): Promise<void> {
  const now = Date.now();
  await hold();
  vi.clearAllTimers();
  vi.setSystemTime(now);
}

/** Another call with the same key, which waits. */
async function wait(store: Storage = storage): Promise<Stub & { readonly response: Promise<Response> }> {
  const waiting = stub([idempotency({ storage: store })], numbered());
  const response = waiting.fetch(url, call);
  await until(() => typesOf(waiting).includes('idempotency.awaited'));
  return { ...waiting, response };
}

async function sendsNothing({ sent, response }: Awaited<ReturnType<typeof wait>>, holder: Holder): Promise<void> {
  holder.respond(new Response('of the holder'));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await (await holder.response).text()).toBe('of the holder');
  expect(await (await response).text()).toBe('of the holder');
  expect(sent).toEqual([]);
}

/** `storage`, whose writes can be made to fail. */
function failing(): Storage & { failures: number; writes: number } {
  const faulty = {
    ...storage,
    failures: 0,
    writes: 0,
    async set(...args: Parameters<Storage['set']>) {
      faulty.writes += 1;
      if (faulty.failures-- > 0) throw new StorageError('down');
      return storage.set(...args);
    },
  };
  return faulty;
}

describe('a holder that lives', () => {
  test.each([1, 4, 12])('stores its response after %d writes that failed', async (failures) => {
    const faulty = failing();
    const holder = await hold({ storage: faulty });
    const waiting = await wait();
    faulty.failures = failures;
    holder.respond(new Response('of the holder'));
    await vi.advanceTimersByTimeAsync(12_000);
    expect(await (await holder.response).text()).toBe('of the holder');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await waiting.response).text()).toBe('of the holder');
    expect(waiting.sent).toEqual([]);
  });

  test('returns its response when it is stored, and not before', async () => {
    const faulty = failing();
    const holder = await hold({ storage: faulty });
    faulty.failures = 3;
    let returned = false;
    void holder.response.then(() => (returned = true));
    holder.respond(new Response('of the holder'));
    await vi.advanceTimersByTimeAsync(100);
    expect(returned).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(returned).toBe(true);
  });

  test('renews its lease soon after a renewal that failed', async () => {
    const faulty = failing();
    const holder = await hold({ storage: faulty });
    faulty.failures = 3;
    const { version } = (await storage.get(name))!;
    await vi.advanceTimersByTimeAsync(5_000 + 3_000);
    expect((await storage.get(name))!.version).toBeGreaterThan(version);
    holder.respond(new Response());
    await holder.response;
  });

  test('keeps its lease while a full storage refuses its response, and then stores that it was executed', async () => {
    const [holder, waiting] = [await hold({ storage: { ...storage, set: refuseResponses } }), await wait()];
    holder.respond(new Response('of the holder'));
    await vi.advanceTimersByTimeAsync(14_000);
    expect(waiting.sent).toEqual([]);
    const reason = reasonOf(waiting.response);
    await vi.advanceTimersByTimeAsync(2_000); // it has given up
    expect(await (await holder.response).text()).toBe('of the holder');
    expect(await reason).toMatchObject({ code: 'IDEMPOTENCY_UNRECORDED' });
    expect(waiting.sent).toEqual([]);
  });

  const refuseResponses: Storage['set'] = async (key, value, options) => {
    if (value.includes('of the holder')) throw new StorageError('full');
    return storage.set(key, value, options);
  };

  test('writes its lease again if the entry has vanished', async () => {
    const holder = await hold();
    await storage.delete(name);
    await vi.advanceTimersByTimeAsync(5_000);
    await sendsNothing(await wait(), holder);
  });

  test('stores its response if the entry has vanished', async () => {
    const holder = await hold();
    await storage.delete(name);
    holder.respond(new Response('of the holder'));
    await holder.response;
    const again = stub([idempotency({ storage })], numbered());
    expect(await (await again.fetch(url, call)).text()).toBe('of the holder');
  });

  test('does not write over a successor that found no entry', async () => {
    const holder = await hold();
    await storage.delete(name);
    const successor = stub([idempotency({ storage })], () => new Response('of the successor'));
    await successor.fetch(url, call);
    holder.respond(new Response('of the holder'));
    expect(await (await holder.response).text()).toBe('of the successor');
  });

  test.each([hour, 20_000, -hour])(
    'keeps its lease when the clock is set by %d ms, from a call that waits',
    async (by) => {
      const [holder, waiting] = [await hold(), await wait()];
      vi.setSystemTime(Date.now() + by);
      await vi.advanceTimersByTimeAsync(60_000);
      await sendsNothing(waiting, holder);
    },
  );

  test.each([hour, 20_000, -hour])(
    'keeps its lease when the clock is set by %d ms, from a call that comes then',
    async (by) => {
      const holder = await hold();
      vi.setSystemTime(Date.now() + by);
      const waiting = await wait();
      await vi.advanceTimersByTimeAsync(60_000);
      await sendsNothing(waiting, holder);
    },
  );

  test.each([hour, -hour])('keeps its lease from a process whose clock differs by %d ms', async (by) => {
    const holder = await hold();
    const shifted: Storage = {
      ...storage,
      async get(key) {
        const entry = await storage.get(key);
        const value = entry?.value.replace(/"leaseUntil":(\d+)/, (_, time) => `"leaseUntil":${Number(time) - by}`);
        return entry && { ...entry, value: value! };
      },
    };
    const waiting = await wait(shifted);
    await vi.advanceTimersByTimeAsync(60_000);
    const impatient = stub([idempotency({ storage: shifted, conflict: 'throw' })], numbered());
    const reason = reasonOf(impatient.fetch(url, call));
    await until(() => typesOf(impatient).includes('idempotency.awaited'));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await reason).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    await sendsNothing(waiting, holder);
  });

  test('keeps its lease when its process is frozen for longer than a lease, twice', async () => {
    const [holder, waiting] = [await hold(), await wait()];
    for (let freeze = 0; freeze < 2; freeze += 1) {
      // Both clocks have moved before any timer fires.
      const now = performance.now.bind(performance);
      vi.spyOn(performance, 'now').mockImplementation(() => now() + hour);
      vi.setSystemTime(Date.now() + hour);
      await vi.advanceTimersByTimeAsync(6_000);
      vi.restoreAllMocks();
    }
    await sendsNothing(waiting, holder);
  });
});

describe('the lease of a dead holder', () => {
  test.each([0, -hour, hour])('goes to a call that waits within a lease, if the clock is set by %d ms', async (by) => {
    await dead();
    const waiting = await wait();
    vi.setSystemTime(Date.now() + by);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await (await waiting.response).text()).toBe('response 1');
    expect(typesOf(waiting)).toContain('idempotency.recovered');
  });

  test.each([-hour, hour])(
    'goes to a call that comes after the clock was set by %d ms, within a third of a lease',
    async (by) => {
      await dead();
      vi.setSystemTime(Date.now() + by);
      const waiting = await wait();
      await vi.advanceTimersByTimeAsync(6_000);
      expect(await (await waiting.response).text()).toBe('response 1');
    },
  );
});

test('a holder keeps its lease from calls that wait in its own process, after a blocked event loop', async () => {
  vi.useRealTimers();
  const lease = 600;
  const server = manual();
  const { fetch } = watched([idempotency({ storage, lease })], server.transport);
  const first = fetch(url, call);
  await server.requested;
  const waiting = stub([idempotency({ storage, lease })], numbered());
  const others = Array.from({ length: 10 }, () => waiting.fetch(url, call));
  await until(() => typesOf(waiting).length === 10);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * lease);
  await new Promise((resolve) => setTimeout(resolve, lease / 2));
  server.respond(new Response('of the holder'));
  const texts = await Promise.all([first, ...others].map(async (response) => (await response).text()));
  expect(new Set(texts)).toEqual(new Set(['of the holder']));
  expect(waiting.sent).toEqual([]);
  vi.useFakeTimers();
});
