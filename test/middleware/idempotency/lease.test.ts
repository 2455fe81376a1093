import {
  idempotency,
  memory,
  standard,
  StorageError,
  timeout,
  type IdempotencyOptions,
  type KyoaEvent,
  type Storage,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { silent, stub, watched } from '../../support/call.ts';
import { manual, type Manual } from '../../support/manual.ts';
import { settled, until } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { keysOf, numbered, order, replayed, typesOf, url } from './order.ts';

describe('idempotency', () => {
  let storage: Storage;
  beforeEach(() => {
    vi.useFakeTimers();
    storage = memory();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const call = { ...order, requestId: 'k' };

  interface Started extends Manual {
    readonly response: Promise<Response>;
    readonly events: readonly KyoaEvent[];
  }

  /** Sends a request, whose response the test gives by hand. */
  async function start(options: IdempotencyOptions = {}, init: RequestInit = {}): Promise<Started> {
    const server = manual();
    const { fetch, events } = watched([idempotency({ storage, ...options })], server.transport);
    const response = fetch(url, { ...call, ...init });
    response.catch(() => {});
    await server.requested;
    return { ...server, response, events };
  }

  /** Sends a request and renews its lease no more, as a process that is frozen or dead. */
  async function freeze(): Promise<Started> {
    const started = await start();
    vi.clearAllTimers();
    return started;
  }

  /** Takes over from a frozen holder, whose lease has expired. */
  async function takeOver(): Promise<Started> {
    vi.advanceTimersByTime(15_000);
    const server = manual();
    const { fetch, events } = watched([idempotency({ storage })], server.transport);
    const response = fetch(url, call);
    response.catch(() => {});
    await until(() => typesOf({ events }).includes('idempotency.awaited'));
    await vi.advanceTimersByTimeAsync(5_000);
    await server.requested;
    return { ...server, response, events };
  }

  test('lets exactly one of 100 waiting calls take over the expired lease of a dead holder, with the same key', async () => {
    await freeze();
    const clients = Array.from({ length: 10 }, () => stub([idempotency({ storage })], numbered()));
    const all = clients.flatMap(({ fetch }) => Array.from({ length: 10 }, () => fetch(url, call)));
    await until(() => clients.every((client) => typesOf(client).length === 10)); // all of them wait
    await vi.advanceTimersByTimeAsync(14_999);
    expect(clients.flatMap(keysOf)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_001);
    const responses = await Promise.all(all);
    expect(clients.flatMap(keysOf)).toEqual(['k']);
    expect(new Set(await Promise.all(responses.map((response) => response.text())))).toEqual(new Set(['response 1']));
    const seen = clients.flatMap(typesOf);
    expect(seen.filter((type) => type === 'idempotency.recovered')).toHaveLength(1);
    expect(seen.filter((type) => type === 'idempotency.replayed')).toHaveLength(99);
  });

  test('takes over the lease of a dead holder within the time limit of the standard stack', async () => {
    await freeze();
    const { fetch, events, sent } = stub(standard(), numbered());
    const pending = fetch(url, { ...call, idempotency: { storage } });
    await until(() => typesOf({ events }).length === 1);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await (await pending).text()).toBe('response 1');
    expect(sent).toHaveLength(1);
  });

  test('renews the lease of a slow holder until its response arrives', async () => {
    const slow = await start();
    const other = stub([idempotency({ storage })], numbered());
    const second = other.fetch(url, call);
    await until(() => typesOf(other).length === 1);
    await vi.advanceTimersByTimeAsync(600_000);
    slow.respond(new Response('slow, but alive'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await slow.response).text()).toBe('slow, but alive');
    expect(await (await second).text()).toBe('slow, but alive');
    expect(other.sent).toEqual([]);
  });

  test('gives a holder that lost its lease the response that its successor stored', async () => {
    const frozen = await freeze();
    const successor = await takeOver();
    successor.respond(new Response('of the successor'));
    await successor.response;
    frozen.respond(new Response('of the frozen holder'));
    const response = await frozen.response;
    expect(await response.text()).toBe('of the successor');
    expect(replayed(response)).toBe('true');
    expect(typesOf(frozen)).toEqual(['idempotency.replayed']);
  });

  test('lets a holder that lost its lease wait for its successor, and both get the same response', async () => {
    const frozen = await freeze();
    const successor = await takeOver();
    frozen.respond(new Response('of the frozen holder'));
    await until(() => typesOf(frozen).includes('idempotency.awaited'));
    await vi.advanceTimersByTimeAsync(60_000);
    successor.respond(new Response('of the successor'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await successor.response).text()).toBe('of the successor');
    expect(await (await frozen.response).text()).toBe('of the successor');
  });

  test('stores the response of a holder that lost its lease if its successor fails', async () => {
    const frozen = await freeze();
    const successor = await takeOver();
    frozen.respond(new Response('of the frozen holder'));
    await until(() => typesOf(frozen).includes('idempotency.awaited'));
    successor.fail(new TypeError('fetch failed'));
    await expect(successor.response).rejects.toThrow('fetch failed');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await frozen.response).text()).toBe('of the frozen holder');
    const again = stub([idempotency({ storage })], numbered());
    expect(await (await again.fetch(url, call)).text()).toBe('of the frozen holder');
    expect(again.sent).toEqual([]);
  });

  test('returns the response of a holder that lost its lease even if its successor and the storage are gone', async () => {
    const frozen = await freeze();
    await takeOver();
    vi.clearAllTimers();
    await storage.close();
    frozen.respond(new Response('of the frozen holder'));
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await (await frozen.response).text()).toBe('of the frozen holder');
    expect(frozen.events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', error: expect.any(StorageError) }),
    );
  });

  test('releases the lease at once when the caller aborts, even if the transport ignores its signal', async () => {
    const leaving = new AbortController();
    const { response } = await start({}, { signal: leaving.signal });
    leaving.abort('bye');
    await expect(response).rejects.toBe('bye');
    const second = stub([idempotency({ storage, conflict: 'throw' })], numbered());
    expect((await second.fetch(url, call)).status).toBe(200);
    expect(typesOf(second)).toEqual([]);
  });

  test('keeps the stored response when the caller aborts afterwards', async () => {
    const leaving = new AbortController();
    const { response, respond } = await start({}, { signal: leaving.signal });
    respond(new Response('x'));
    await response;
    leaving.abort();
    const second = stub([idempotency({ storage })], numbered());
    expect(await (await second.fetch(url, call)).text()).toBe('x');
  });

  test('releases the lease of a call that exceeds its time limit, and the repeat sends the same key', async () => {
    const first = watched([timeout(60_000), idempotency({ storage })], silent);
    const late = reasonOf(first.fetch(url, call));
    await until(() => vi.getTimerCount() === 2); // the limit, and the renewal of the lease
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await late).toMatchObject({ code: 'TIMEOUT' });
    const second = stub([idempotency({ storage, conflict: 'throw' })], numbered());
    await second.fetch(url, call);
    expect(keysOf(second)).toEqual(['k']);
  });

  test('sends nothing and releases the lease if the caller aborts while the lease is being acquired', async () => {
    const leaving = new AbortController();
    const slow: Storage = {
      ...storage,
      async set(...args) {
        leaving.abort('bye');
        return storage.set(...args);
      },
    };
    const { fetch, sent } = stub([idempotency({ storage: slow })], numbered());
    await expect(fetch(url, { ...call, signal: leaving.signal })).rejects.toBe('bye');
    await settled();
    expect(sent).toEqual([]);
    const second = stub([idempotency({ storage, conflict: 'throw' })], numbered());
    expect((await second.fetch(url, call)).status).toBe(200);
  });
});
