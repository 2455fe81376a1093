/** `retry` beside `hedge`: both send further requests, and only one of them may react to a failure. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, constant, hedge, retry, timeout, type Fetch } from '../../src/index.ts';
import { stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { networkError, url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

const id = (): string => crypto.randomUUID();

describe('retry', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('inside hedge ends the pause of a losing copy, and sends nothing more for it', async () => {
    const { fetch, sent, events } = stub([hedge({ delay: 30 }), retry({ retries: 5, backoff: constant(60) })], (copy) =>
      copy === 1 ? new Response(null, { status: 503 }) : delayed(new Response(null), 10),
    );
    const pending = fetch(url);
    await vi.advanceTimersByTimeAsync(40);
    expect((await pending).status).toBe(200);
    await vi.advanceTimersByTimeAsync(60); // the end of the pause
    expect(sent).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('outside hedge retries only after all copies have failed, and numbers copies and attempts in one sequence', async () => {
    const { fetch, sent, events } = stub(
      [retry({ retries: 1, backoff: constant(1_000) }), hedge({ delay: 50 })],
      (copy) => new Response(null, { status: copy < 4 ? 503 : 200 }),
    );
    const pending = fetch(url);
    await vi.advanceTimersByTimeAsync(999);
    expect(sent).toHaveLength(2);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(200);
    expect(events.flatMap((event) => (event.type === 'attempt.sent' ? [event.attempt] : []))).toEqual([1, 2, 2, 3]);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('outside hedge obeys Retry-After of the first copy, and no other copy is sent before', async () => {
    const { fetch, sent } = stub([retry(), hedge({ delay: 50, hedges: 3 })], (copy) =>
      copy === 1 ? new Response(null, { status: 429, headers: { 'retry-after': '2' } }) : new Response('good'),
    );
    const started = performance.now();
    const pending = fetch(url);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await (await pending).text()).toBe('good');
    expect([sent.length, performance.now() - started]).toEqual([2, 2_000]);
  });

  test('outside hedge spends a shared budget together with hedge', async () => {
    const shared = budget({ ratio: 0, floor: 0.2 }); // two in all
    const { fetch, sent, events } = stub(
      [retry({ retries: 5, backoff: constant(1), budget: shared }), hedge({ delay: 50, budget: shared })],
      () => new Response(null, { status: 503 }),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(503);
    expect(sent).toHaveLength(1 + 2);
    expect(events.map(({ type }) => type)).toContain('hedge.suppressed');
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'budget' });
  });

  test('outside hedge spends no more than both budgets in a total outage', async () => {
    const { fetch, sent } = stub([retry(), hedge({ ratio: 0.05, delay: 50 })], () => {
      throw networkError('ECONNREFUSED');
    });
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 2_000; call += 1) {
      calls.push(fetch(url).catch(() => undefined));
      await vi.advanceTimersByTimeAsync(5);
    }
    await vi.runAllTimersAsync();
    await Promise.all(calls);
    // Retries: 0.2 of the calls and ten a second. Copies: 0.05 of the attempts and one a second.
    expect(sent.length / 2_000).toBeLessThanOrEqual(1.4);
  });
});

describe('retry outside hedge on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  /** Each request goes to the next path. */
  const along = (...paths: readonly string[]): Fetch => {
    let sent = 0;
    return (_input, init) => globalThis.fetch(server.url(paths[Math.min((sent += 1), paths.length) - 1]!), init);
  };

  test('loses one attempt’s limit to a hanging server, and its next attempt succeeds', async () => {
    const { fetch, events } = watched(
      [timeout(5_000), retry({ backoff: constant(1) }), hedge({ delay: 20 }), timeout({ headers: 100 })],
      along('/blackhole', '/blackhole', '/ok'),
    );
    const response = await fetch(url);
    await response.text();
    expect(response.status).toBe(200);
    // The limit of the first copy is a failure that another copy could repair, but that copy was already sent.
    expect(events.filter(({ type }) => type === 'timeout.exceeded')).toHaveLength(2);
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('sends the whole body of a hedged PUT again', async () => {
    const { fetch } = watched([retry({ backoff: constant(1) }), hedge({ delay: 60_000, methods: ['PUT'] })]);
    for (const body of ['noted', undefined]) {
      const target = server.url(`/reset-sequence?steps=reset,503,503,ok&id=${id()}`);
      const response = await fetch(
        body === undefined ? new Request(target, { method: 'PUT', body: 'of unknown origin' }) : target,
        body === undefined ? {} : { method: 'PUT', body },
      );
      expect(response.status).toBe(200);
      await response.text();
      expect(server.requests.map((seen) => seen.body.toString())).toEqual(
        Array.from({ length: 4 }, () => body ?? 'of unknown origin'),
      );
      server.reset();
    }
  });

  test('sends nothing after the caller aborts while all copies hang', async () => {
    const leaving = new AbortController();
    const { fetch } = watched([retry({ backoff: constant(0) }), hedge({ delay: 5 })]);
    const error = reasonOf(fetch(server.url('/blackhole'), { signal: leaving.signal }));
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await server.until(({ aborted }) => aborted.length === 2);
    expect(server.requests).toHaveLength(2);
  });
});
