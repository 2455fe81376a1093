/** `limit` beside other policies: winners, losers, discarded responses and aborted calls all release their permits. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { constant, hedge, limit, LimitError, retry } from '../../src/index.ts';
import { deaf, stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

const idle = { running: 0, waiting: 0 };

describe('limit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('inside retry holds no permit during a pause, so that another call can run', async () => {
    const bulkhead = limit({ concurrency: 1 });
    const { fetch, sent } = stub(
      [retry({ retries: 1, backoff: constant(1_000) }), bulkhead],
      (attempt) => new Response(`response ${attempt}`, { status: attempt === 1 ? 503 : 200 }),
    );
    const first = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(500);
    expect(await (await fetch(url)).text()).toBe('response 2');
    await vi.advanceTimersByTimeAsync(500);
    expect(await first).toBe('response 3');
    expect(sent).toHaveLength(3);
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject(idle);
  });

  test('inside retry rejects once when its queue is full, and is not retried', async () => {
    const { fetch, events } = watched([retry({ backoff: constant(0) }), limit({ concurrency: 1, queue: 1 })], deaf);
    const leaving = new AbortController();
    const { signal } = leaving;
    const all = [1, 2, 3].map((_) => reasonOf(fetch(url, { signal })));
    expect(await all[2]).toBeInstanceOf(LimitError);
    expect(events.filter(({ type }) => type === 'limit.rejected')).toHaveLength(1);
    leaving.abort('gone');
    expect(await Promise.all(all.slice(0, 2))).toEqual(['gone', 'gone']);
  });

  test('inside hedge removes a copy that still waits from its queue when the original wins', async () => {
    const bulkhead = limit({ concurrency: 1 });
    const { fetch, sent } = stub([hedge({ delay: 50 }), bulkhead], () => delayed(new Response('first'), 200));
    const body = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(100);
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject({ running: 1, waiting: 1 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await body).toBe('first');
    expect(sent).toHaveLength(1);
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject(idle);
  });
});

describe('limit on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('inside hedge frees the permit of a loser when it loses, and that of the winner when its body ends', async () => {
    const bulkhead = limit({ concurrency: 2 });
    let copies = 0;
    const { fetch } = watched([hedge({ delay: 20 }), bulkhead], (_input, init) => {
      copies += 1;
      return globalThis.fetch(server.url(copies === 1 ? '/blackhole' : '/drip/body?chunks=3&gap=20'), init);
    });
    const response = await fetch(server.url('/any'));
    expect(bulkhead.snapshot()[server.origin]).toMatchObject({ running: 1, waiting: 0 });
    expect(await response.text()).toHaveLength(30);
    expect(bulkhead.snapshot()[server.origin]).toMatchObject(idle);
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('inside retry frees the permit of a failed attempt with an endless body before the next attempt', async () => {
    const bulkhead = limit({ concurrency: 1 });
    let attempts = 0;
    const { fetch } = watched([retry({ backoff: constant(1) }), bulkhead], (_input, init) => {
      attempts += 1;
      return globalThis.fetch(server.url(attempts === 1 ? '/endless?bytes=65536' : '/ok'), init);
    });
    const response = await fetch(server.url('/any'));
    expect(response.status).toBe(200);
    await response.text();
    expect(bulkhead.snapshot()[server.origin]).toMatchObject(idle);
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('outside retry and hedge counts calls, not requests', async () => {
    const bulkhead = limit({ concurrency: 1 });
    const { fetch } = watched([bulkhead, retry({ backoff: constant(1) }), hedge({ delay: 5 })]);
    const script = (): string => server.url(`/sequence?steps=503,503,delay,ok&gap=40&id=${crypto.randomUUID()}`);
    const bodies = [1, 2].map(async () => {
      const response = await fetch(script());
      expect(bulkhead.snapshot()[server.origin]).toMatchObject({ running: 1 });
      return response.json() as Promise<unknown>;
    });
    expect(await Promise.all(bodies)).toHaveLength(2);
    expect(bulkhead.snapshot()[server.origin]).toMatchObject(idle);
  });
});
