/** Where such libraries break: who launches what when both think it is their turn. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, constant, hedge, retry, timeout, type Fetch } from '../../src/index.ts';
import { stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { expectQuiet } from '../support/sockets.ts';

const url = 'http://api.example/';
const id = (): string => crypto.randomUUID();

describe('retry outside hedge', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('retries only when all copies have failed, and an attempt’s copies are numbered on', async () => {
    const { fetch, sent, events } = stub(
      [retry({ retries: 1, backoff: constant(1_000) }), hedge({ delay: 50 })],
      (copy) => new Response(null, { status: copy < 4 ? 503 : 200 }),
    );
    const answer = fetch(url);
    await vi.advanceTimersByTimeAsync(999);
    expect(sent).toHaveLength(2);
    await vi.runAllTimersAsync();
    expect((await answer).status).toBe(200);
    expect(events.flatMap((event) => (event.type === 'attempt.sent' ? [event.attempt] : []))).toEqual([1, 2, 2, 3]);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('an answer that asks for a pause is left to retry, which keeps it', async () => {
    const { fetch, sent } = stub([retry(), hedge({ delay: 50, hedges: 3 })], (copy) =>
      copy === 1 ? new Response(null, { status: 429, headers: { 'retry-after': '2' } }) : new Response('good'),
    );
    const started = performance.now();
    const answer = fetch(url);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await (await answer).text()).toBe('good');
    expect([sent.length, performance.now() - started]).toEqual([2, 2_000]);
  });

  test('a budget that both draw on is spent by both', async () => {
    const shared = budget({ ratio: 0, floor: 0.2 }); // two in all
    const { fetch, sent, events } = stub(
      [retry({ retries: 5, backoff: constant(1), budget: shared }), hedge({ delay: 50, budget: shared })],
      () => new Response(null, { status: 503 }),
    );
    const answer = fetch(url);
    await vi.runAllTimersAsync();
    expect((await answer).status).toBe(503);
    expect(sent).toHaveLength(1 + 2);
    expect(events.map(({ type }) => type)).toContain('hedge.suppressed');
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'budget' });
  });

  test('a total outage costs at most the two budgets', async () => {
    const { fetch, sent } = stub([retry(), hedge({ ratio: 0.05, delay: 50 })], () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    });
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 2_000; call += 1) {
      calls.push(fetch(url).catch(() => undefined));
      await vi.advanceTimersByTimeAsync(5);
    }
    await vi.runAllTimersAsync();
    await Promise.all(calls);
    // 0.2 and ten a second of the retries; 0.05 and one a second of the copies, each of them of every attempt.
    expect(sent.length / 2_000).toBeLessThanOrEqual(1.4);
  });
});

describe('hedge and its neighbours on a real server', () => {
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

  test('retry inside hedge: the loser’s pause ends with it, and it sends nothing more', async () => {
    const { fetch, events } = watched(
      [hedge({ delay: 30 }), retry({ retries: 5, backoff: constant(60) })],
      along('/status/503', '/ok?delay=10', '/ok?late'),
    );
    expect((await fetch(url)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 100)); // the pause would have been over
    expect(server.requests.map(({ path }) => path)).toEqual(['/status/503', '/ok']);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('retry outside hedge: a hanging server costs an attempt’s limit, and the next attempt is served', async () => {
    const { fetch, events } = watched(
      [timeout(5_000), retry({ backoff: constant(1) }), hedge({ delay: 20 }), timeout({ headers: 100 })],
      along('/blackhole', '/blackhole', '/ok'),
    );
    const response = await fetch(url);
    await response.text();
    expect(response.status).toBe(200);
    // The first copy's limit is a failure that another may mend, but the copy was under way.
    expect(events.filter(({ type }) => type === 'timeout.exceeded')).toHaveLength(2);
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('a hedged PUT that fails is retried with its whole body', async () => {
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

  test('a caller who leaves while all copies fail is not served by a retry', async () => {
    const leaving = new AbortController();
    const { fetch } = watched([retry({ backoff: constant(0) }), hedge({ delay: 5 })]);
    const error = fetch(server.url('/blackhole'), { signal: leaving.signal }).catch((thrown: unknown) => thrown);
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await server.until(({ aborted }) => aborted.length === 2);
    expect(server.requests).toHaveLength(2);
  });
});
