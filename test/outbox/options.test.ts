/** What an outbox refuses to be built with. */
import { createFetch, memory } from 'kyoa';
import { outbox, OutboxError, unreachable, type OutboxOptions } from 'kyoa/outbox';
import { describe, expect, test, vi } from 'vitest';

import { networkError, responseOf, url } from '../support/http.ts';
import { reasonOf } from '../support/promises.ts';

describe('outbox', () => {
  test.each<[unknown, string]>([
    [null, 'outbox must be an object'],
    [{ retries: 3 }, 'outbox has no option retries; it has methods, when, failed, lane, user, keep, limit, maxBody'],
    [{ methods: 'POST' }, 'outbox methods must be a list, got "POST"'],
    [{ when: true }, 'outbox when must be a function, got true'],
    [{ failed: [503] }, 'outbox failed must be a function, got [503]'],
    [{ lane: 'orders' }, 'outbox lane must be a function, got "orders"'],
    [{ user: 'ada' }, 'outbox user must be a function, got "ada"'],
    [{ keep: 0 }, 'outbox keep must be a number of milliseconds above 0, got 0'],
    [{ keep: '7 days' }, 'outbox keep must be a number of milliseconds above 0, got "7 days"'],
    [{ limit: 0 }, 'outbox limit must be a whole number of 1 or more, got 0'],
    [{ maxBody: -1 }, 'outbox maxBody must be a whole number of 0 or more, got -1'],
    [{ wait: NaN }, 'outbox wait must be a number of milliseconds above 0, got NaN'],
    [{ format: 'quoted' }, "outbox format must be 'bare' or 'structured', got \"quoted\""],
    [{ backoff: 1_000 }, 'outbox backoff must be a function, got 1000'],
    [{ lease: -1 }, 'outbox lease must be a number of milliseconds above 0, got -1'],
    [{ name: 7 }, 'outbox name must be a string, got 7'],
    [{ storage: new Map() }, 'outbox storage must be a storage, such as memory()'],
  ])('refuses %o', (options, message) => {
    expect(() => outbox(options as OutboxOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) as string }),
    );
  });

  test.each<[string, OutboxOptions, string]>([
    ['lane', { lane: (() => 7) as never }, 'the result of outbox lane must be a string, got 7'],
  ])('rejects a call for which %s returns something else', async (_, options, message) => {
    const box = outbox(options);
    const api = createFetch({ use: [box], storage: memory(), fetch: async () => responseOf(201) });
    expect(await reasonOf(api(url, { method: 'POST' }))).toMatchObject({ code: 'INVALID_OPTION', message });
    expect(await box.waiting()).toEqual([]);
    box.close();
  });

  test('rejects a call with what one of its functions throws, and keeps nothing', async () => {
    const fault = new Error('fault');
    const fail = (): never => {
      throw fault;
    };
    for (const options of [{ lane: fail }, { user: fail }, { when: fail }]) {
      const box = outbox(options);
      const api = createFetch({
        use: [box],
        storage: memory(),
        fetch: () => Promise.reject(networkError('ECONNRESET')),
      });
      expect(await reasonOf(api(url, { method: 'POST', body: 'x' }))).toBe(fault);
      await vi.waitFor(async () => expect(await box.waiting()).toEqual([]));
      box.close();
    }
  });

  test('keeps a request whose replay makes failed throw, and reads no body of its response', async () => {
    let responses = 0;
    const cancelled: unknown[] = [];
    const box = outbox({
      backoff: () => 3_600_000,
      failed: () => {
        throw new Error('fault');
      },
    });
    const body = (): ReadableStream => new ReadableStream({ cancel: (reason) => void cancelled.push(reason) });
    const api = createFetch({
      use: [box],
      storage: memory(),
      fetch: async () => {
        responses += 1;
        if (responses === 1) throw networkError('ECONNRESET');
        return new Response(body(), { status: 200, headers: { 'content-length': '9999999' } });
      },
    });
    expect((await api(url, { method: 'POST', body: 'x' })).status).toBe(202);
    expect(await box.flush()).toBe(1);
    expect(cancelled).toHaveLength(1);
    box.close();
  });

  test('needs a page or a process', () => {
    vi.stubGlobal('WebSocketPair', () => {});
    expect(() => outbox()).toThrow('outbox needs a page or a process: on Workers use a Queue');
    vi.unstubAllGlobals();
  });

  test('has an error of its own', () => {
    expect(new OutboxError('OUTBOX_FULL', 'full')).toMatchObject({ name: 'OutboxError', code: 'OUTBOX_FULL' });
  });
});

test('unreachable is true for what is no response of the server', () => {
  const ctx = { url, header: () => null } as never;
  const of = (outcome: object): boolean => unreachable(outcome as never, ctx);
  expect(of({ error: networkError('ECONNREFUSED') })).toBe(true);
  expect(of({ error: new TypeError('x is not a function') })).toBe(false);
  expect(of({ error: new DOMException('left', 'AbortError') })).toBe(false);
  expect([200, 400, 401, 429, 500, 503].map((status) => of({ response: responseOf(status) }))).toEqual(
    Array(6).fill(false),
  );
});
