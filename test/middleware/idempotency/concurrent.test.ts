import { idempotency, IdempotencyError, memory, timeout, type Storage } from 'kyoa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { deaf, stub, watched } from '../../support/call.ts';
import { manual } from '../../support/manual.ts';
import { until } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { numbered, order, replayed, typesOf, url } from './order.ts';

describe('idempotency', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = memory();
  });
  const waits = (client: Parameters<typeof typesOf>[0]): boolean => typesOf(client).includes('idempotency.awaited');

  test('sends one request for 200 concurrent calls, and all get its response', async () => {
    const { transport, respond, calls } = manual();
    const clients = Array.from({ length: 4 }, () => watched([idempotency({ storage })], transport));
    const all = Array.from({ length: 200 }, (_, n) => clients[n % 4]!.fetch(url, { ...order, requestId: 'k' }));
    await until(() => clients.every(waits));
    respond(new Response('the response', { status: 201 }));
    const responses = await Promise.all(all);
    expect(new Set(await Promise.all(responses.map((response) => response.text())))).toEqual(new Set(['the response']));
    expect(responses.filter((response) => replayed(response) === null)).toHaveLength(1);
    expect(calls()).toBe(1);
  });

  test('rejects a concurrent call with conflict: throw, and names the time at which the lease of the first expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { transport, requested, respond, calls } = manual();
    const { fetch } = watched([idempotency({ storage, conflict: 'throw', lease: 5_000 })], transport);
    const first = fetch(url, { ...order, requestId: 'k' });
    await requested;
    const error = (await reasonOf(fetch(url, { ...order, requestId: 'k' }))) as IdempotencyError;
    expect(error).toBeInstanceOf(IdempotencyError);
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', key: 'k' });
    expect(error.request?.url).toBe(url);
    expect(error.retryAt).toBe(Date.now() + 5_000);
    expect(calls()).toBe(1);
    respond(new Response('x'));
    await first;
    expect(replayed(await fetch(url, { ...order, requestId: 'k' }))).toBe('true');
  });

  test('sends the request of a waiting call when the first call fails', async () => {
    const { transport, requested, fail } = manual();
    const first = watched([idempotency({ storage })], transport);
    const second = stub([idempotency({ storage })], numbered());
    const failing = reasonOf(first.fetch(url, { ...order, requestId: 'k' }));
    await requested;
    const waiting = second.fetch(url, { ...order, requestId: 'k' });
    await until(() => waits(second));
    fail(new TypeError('fetch failed'));
    await failing;
    expect(await (await waiting).text()).toBe('response 1');
    expect(typesOf(second)).toEqual(['idempotency.awaited']);
  });

  test('ends a waiting call at once when its caller aborts, and the first call goes on', async () => {
    const { transport, requested, respond } = manual();
    const client = watched([idempotency({ storage })], transport);
    const first = client.fetch(url, { ...order, requestId: 'k' });
    await requested;
    const leaving = new AbortController();
    const second = reasonOf(client.fetch(url, { ...order, requestId: 'k', signal: leaving.signal }));
    await until(() => waits(client));
    const reason = { why: 'closed the tab' };
    leaving.abort(reason);
    expect(await second).toBe(reason);
    respond(new Response('x'));
    expect((await first).status).toBe(200);
  });

  test('ends a waiting call at its time limit', async () => {
    vi.useFakeTimers();
    try {
      const { transport, requested } = manual();
      const first = watched([idempotency({ storage })], transport);
      void first.fetch(url, { ...order, requestId: 'k' });
      await requested;
      const second = watched([timeout(5_000), idempotency({ storage })], deaf);
      const limited = reasonOf(second.fetch(url, { ...order, requestId: 'k' }));
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await limited).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
      expect(vi.getTimerCount()).toBe(1); // the renewal of the first call's lease
      vi.clearAllTimers();
    } finally {
      vi.useRealTimers();
    }
  });
});
