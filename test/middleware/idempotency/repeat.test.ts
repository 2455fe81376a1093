import { createFetch, idempotency, IdempotencyError, memory, type IdempotencyOptions, type Storage } from 'kyoa';
import { beforeEach, describe, expect, test, vi } from 'vitest';

import { stub, type Stub } from '../../support/call.ts';
import { reasonOf } from '../../support/promises.ts';
import { keysOf, numbered, order, replayed, url } from './order.ts';

describe('idempotency', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = memory();
  });

  /** Each client is like another process or tab on the same storage. */
  const client = (options: IdempotencyOptions = {}, respond: Parameters<typeof stub>[1] = numbered()): Stub =>
    stub([idempotency({ storage, ...options })], respond);

  test('gives a repeat with the same requestId the stored response, marked as replayed', async () => {
    const respond = (): Response =>
      new Response('made', { status: 201, statusText: 'Made', headers: { location: '/orders/42' } });
    const [one, two] = [client({}, respond), client({}, respond)];
    const first = await one.fetch(url, { ...order, requestId: 'order-42' });
    expect(replayed(first)).toBeNull();
    expect(await first.text()).toBe('made');
    for (const { fetch, sent, types } of [one, two]) {
      const again = await fetch(url, { ...order, requestId: 'order-42' });
      expect(again).toMatchObject({ status: 201, statusText: 'Made', ok: true });
      expect(again.headers.get('location')).toBe('/orders/42');
      expect(replayed(again)).toBe('true');
      expect(await again.text()).toBe('made');
      expect(types()).toContain('idempotency.replayed');
      expect(sent.length).toBe(one.sent === sent ? 1 : 0);
    }
  });

  test('marks a replayed response once, even if the server has marked it too', async () => {
    const { fetch } = client({}, () => new Response('x', { headers: { 'Idempotency-Replayed': 'true' } }));
    for (let n = 0; n < 2; n += 1) expect(replayed(await fetch(url, { ...order, requestId: 'k' }))).toBe('true');
  });

  test('sends a call with the same requestId to another origin, and in another scope', async () => {
    const { fetch, sent } = client();
    await fetch('http://one.example/', { ...order, requestId: 'k' });
    await fetch('http://two.example/', { ...order, requestId: 'k' });
    await fetch('https://one.example/', { ...order, requestId: 'k' });
    expect(sent).toHaveLength(3);

    const users = client({ scope: async ({ request }) => request.headers.get('x-user') ?? undefined });
    for (const user of ['ann', 'bob', 'ann', '["ann"', 'ann","']) {
      await users.fetch(url, { ...order, requestId: 'k', headers: { 'x-user': user } });
    }
    expect(users.sent).toHaveLength(4);
  });

  test.each([
    ['another method', { ...order, method: 'PATCH' }],
    ['another body', { ...order, body: 'two tickets' }],
    ['no body', { method: 'POST' }],
    ['another URL', order, `${url}?express`],
  ])('rejects a repeat with %s, and sends nothing', async (_, init: RequestInit, where: string = url) => {
    const { fetch, sent } = client();
    await fetch(url, { ...order, requestId: 'order-42' });
    const error = await reasonOf(fetch(where, { ...init, requestId: 'order-42' }));
    expect(error).toBeInstanceOf(IdempotencyError);
    expect(error).toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      key: 'order-42',
      message: expect.stringContaining('use a new key'),
    });
    expect(sent).toHaveLength(1);
  });

  test.each([
    [[200, 201, 204, 301, 303, 304, 400, 403, 404, 410, 422, 451], 1],
    [[401, 407, 408, 409, 425, 429, 500, 501, 502, 503, 504, 599], 2],
  ])('after a status of %j sends %i requests for two calls', async (statuses, requests) => {
    for (const status of statuses) {
      const { fetch, sent } = client({}, () => new Response(null, { status }));
      const requestId = `order-${status}`;
      for (let n = 0; n < 2; n += 1) expect((await fetch(url, { ...order, requestId })).status).toBe(status);
      expect([status, sent.length]).toEqual([status, requests]);
    }
  });

  test('sends a repeat with the same key when the first call failed', async () => {
    const made = client({}, (attempt) => {
      if (attempt === 1) throw new TypeError('fetch failed');
      return new Response(`response ${attempt}`, { status: attempt === 2 ? 503 : 200 });
    });
    await expect(made.fetch(url, { ...order, requestId: 'k' })).rejects.toThrow('fetch failed');
    expect((await made.fetch(url, { ...order, requestId: 'k' })).status).toBe(503);
    for (let n = 0; n < 2; n += 1) {
      expect(await (await made.fetch(url, { ...order, requestId: 'k' })).text()).toBe('response 3');
    }
    expect(keysOf(made)).toEqual(['k', 'k', 'k']);
  });

  test('stores the responses for which `when` returns true', async () => {
    const { fetch, sent } = client(
      { when: ({ response }, ctx) => response?.headers.get('x-done') === ctx.id },
      (attempt) => new Response(null, { status: 500, headers: { 'x-done': attempt === 2 ? 'k' : 'no' } }),
    );
    for (let n = 0; n < 4; n += 1) await fetch(url, { ...order, requestId: 'k' });
    expect(sent).toHaveLength(2);
  });

  test('fails the call and frees the key if `when` throws', async () => {
    const options = {
      when: (): boolean => {
        throw new RangeError('oops');
      },
    };
    const { fetch, sent } = client(options);
    for (let n = 0; n < 2; n += 1) await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow('oops');
    expect(sent).toHaveLength(2);
  });

  test('sends a repeat again after the ttl', async () => {
    vi.useFakeTimers();
    try {
      const { fetch, sent } = client({ ttl: 60_000 });
      await fetch(url, { ...order, requestId: 'k' });
      vi.advanceTimersByTime(59_999);
      await fetch(url, { ...order, requestId: 'k' });
      expect(sent).toHaveLength(1);
      vi.advanceTimersByTime(1);
      await fetch(url, { ...order, requestId: 'k' });
      expect(sent).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('stores responses for a day, in the storage of the entry point, by default', async () => {
    const written: [string, number][] = [];
    const recording: Storage = {
      ...storage,
      set(key, value, options) {
        written.push([key, options?.ttl ?? Infinity]);
        return storage.set(key, value, options);
      },
    };
    const fetch = createFetch({ use: [idempotency()], storage: recording, fetch: async () => new Response('x') });
    await fetch(url, { ...order, requestId: 'k' });
    const name = 'idempotency ["http://api.example","k"]';
    expect(written).toEqual([
      [name, 86_400_000],
      [name, 86_400_000],
    ]);
  });

  test.each(['a string', 'bytes', 'a form', 'a stream', 'a Request'])(
    'recognises a repeat by the content of its body: %s',
    async (kind) => {
      const data = new FormData();
      data.set('name', 'value');
      const bodies: Record<string, () => [string | Request, RequestInit]> = {
        'a string': () => [url, { method: 'POST', body: 'text' }],
        bytes: () => [url, { method: 'POST', body: new Uint8Array([0xff, 0, 1]) }],
        'a form': () => [url, { method: 'POST', body: data }],
        'a stream': () => [url, { method: 'POST', body: new Blob(['text']).stream(), duplex: 'half' } as RequestInit],
        'a Request': () => [new Request(url, { method: 'POST', body: 'text' }), {}],
      };
      const texts: string[] = [];
      const { fetch, sent } = client();
      for (let n = 0; n < 2; n += 1) {
        const [input, init] = bodies[kind]!();
        texts.push(await (await fetch(input, { ...init, requestId: 'k' })).text());
      }
      expect(texts).toEqual(['response 1', 'response 1']);
      expect((await sent[0]!.arrayBuffer()).byteLength).toBeGreaterThan(0);
      await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(IdempotencyError);
    },
  );
});
