import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  budget,
  constant,
  createFetch,
  exponential,
  observe,
  retry,
  timeout,
  type KyoaEvent,
} from '../../src/index.ts';
import { silent, stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { networkError, responseOf, url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';
import { endlessUpload } from '../support/upload.ts';

const oops = new RangeError('oops');
const raise = (error: unknown): never => {
  throw error;
};
const failsLater = (): (() => boolean) => {
  let asked = 0;
  return () => (asked += 1) === 1 || raise(oops);
};

describe('retry', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('sends the request again until a response is good', async () => {
    const { fetch, sent, types } = stub([retry()], (attempt) => responseOf(attempt < 3 ? 503 : 200));
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(200);
    expect(sent).toHaveLength(3);
    expect(types().filter((type) => type.startsWith('retry'))).toEqual(['retry.scheduled', 'retry.scheduled']);
  });

  test('returns the last response with a readable body when the retries are used up', async () => {
    const { fetch, sent, events } = stub(
      [retry({ retries: 2 })],
      (attempt) => new Response(`no ${attempt}`, { status: 502 }),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    const response = await pending;
    expect(response.status).toBe(502);
    expect(await response.text()).toBe('no 3');
    expect(sent).toHaveLength(3);
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'retries', status: 502 });
  });

  test('throws the last error unchanged', async () => {
    const errors = [networkError('ECONNREFUSED'), networkError('ECONNRESET'), networkError('ETIMEDOUT')];
    const { fetch } = stub([retry({ retries: 2 })], (attempt) => {
      throw errors[attempt - 1]!;
    });
    const error = reasonOf(fetch(url));
    await vi.runAllTimersAsync();
    expect(await error).toBe(errors[2]);
  });

  test.each([
    ['a programming error', new RangeError('oops'), 1],
    ['a TypeError of the program', new TypeError('x is not a function'), 1],
    ['a bad port', networkError('bad port'), 1],
    ['a certificate that does not match', networkError('ERR_TLS_CERT_ALTNAME_INVALID'), 1],
    ['a thrown value that is no Error', 'a string', 1],
    ['a connection refused', networkError('ECONNREFUSED'), 3],
    ['a name that does not resolve', networkError('ENOTFOUND'), 3],
    ['a connection that timed out', networkError('UND_ERR_CONNECT_TIMEOUT'), 3],
    ['Chromium, offline', new TypeError('Failed to fetch'), 3],
    ['Firefox, offline', new TypeError('NetworkError when attempting to fetch resource.'), 3],
  ])('after %s (%s) makes %i attempts', async (_name, thrown, attempts) => {
    const { fetch, sent } = stub([retry({ retries: 2 })], () => {
      throw thrown;
    });
    const error = reasonOf(fetch(url));
    await vi.runAllTimersAsync();
    expect(await error).toBe(thrown);
    expect(sent).toHaveLength(attempts);
  });

  test.each([200, 301, 400, 401, 404, 409, 413, 422, 501, 505])('does not retry a %i', async (status) => {
    const { fetch, sent } = stub([retry()], () => new Response(null, { status }));
    expect((await fetch(url)).status).toBe(status);
    expect(sent).toHaveLength(1);
  });

  test.each([408, 429, 500, 502, 503, 504])('retries a %i', async (status) => {
    const { fetch, sent } = stub([retry()], (attempt) => responseOf(attempt === 1 ? status : 200));
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(200);
    expect(sent).toHaveLength(2);
  });

  test('retries idempotent methods only, unless the request carries an Idempotency-Key', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'QUERY', 'POST', 'PATCH', 'LOCK']) {
      for (const keyed of [false, true]) {
        const { fetch, sent } = stub([retry({ retries: 1 })], () => responseOf(503));
        const pending = fetch(url, { method, ...(keyed && { headers: { 'Idempotency-Key': 'k' } }) });
        await vi.runAllTimersAsync();
        await pending;
        const safe = keyed || !['POST', 'PATCH', 'LOCK'].includes(method);
        expect([method, keyed, sent.length]).toEqual([method, keyed, safe ? 2 : 1]);
      }
    }
  });

  test('rejects with what its backoff throws, even if that is not an Error', async () => {
    const { fetch } = stub([retry({ backoff: () => raise('no delay') })], () => responseOf(503));
    expect(await reasonOf(fetch(url))).toBe('no delay');
  });

  test('waits for the delay of its backoff, which receives the number of the retry and the random source', async () => {
    const { fetch, events } = stub(
      [retry({ retries: 3, backoff: (retry, random) => retry * 100 + random(), random: () => 0.5 })],
      () => responseOf(500),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    await pending;
    const delays = events.flatMap((event) => (event.type === 'retry.scheduled' ? [event.delay] : []));
    expect(delays).toEqual([100.5, 200.5, 300.5]);
  });

  test('sends the first retry at once after a connection reset, but not the second', async () => {
    const { fetch, events } = stub([retry({ retries: 2, backoff: constant(700) })], () => {
      throw networkError('ECONNRESET');
    });
    const error = reasonOf(fetch(url));
    await vi.runAllTimersAsync();
    await error;
    const delays = events.flatMap((event) => (event.type === 'retry.scheduled' ? [event.delay] : []));
    expect(delays).toEqual([0, 700]);
  });

  test.each([
    ['retry-after', '2', 2_000],
    ['retry-after', '0', 0],
    ['retry-after-ms', '350', 350],
    ['ratelimit-reset', '3', 3_000],
    ['retry-after', 'Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
    ['retry-after', 'Thu, 01 Jan 2015 00:00:05 GMT', 0],
    ['retry-after', 'in a while', 77],
    ['retry-after', '-5', 77],
  ])('obeys %s: %s over its own backoff', async (name, value, delay) => {
    vi.setSystemTime(Date.UTC(2026, 0, 1));
    const { fetch, events } = stub([retry({ backoff: constant(77) })], (attempt) =>
      attempt === 1 ? responseOf(429, { [name]: value }) : responseOf(200),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(200);
    expect(events.find(({ type }) => type === 'retry.scheduled')).toMatchObject({ retry: 1, delay, status: 429 });
  });

  test.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])('obeys a date and a Unix time in ms with a clock that is %s', async (_what, error) => {
    const serverTime = Date.UTC(2026, 0, 1);
    const date = new Date(serverTime).toUTCString();
    vi.setSystemTime(serverTime + error);
    const pauses = [
      { 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' },
      { 'x-ratelimit-reset': String(serverTime + 6_000) },
    ];
    const { fetch, events } = stub([retry()], (attempt) => {
      const pause = pauses[attempt - 1];
      return pause === undefined ? responseOf(200) : responseOf(429, { date, ...pause });
    });
    const call = fetch(url);
    await vi.runAllTimersAsync();
    expect((await call).status).toBe(200);
    const delays = events.flatMap((event) => (event.type === 'retry.scheduled' ? [event.delay] : []));
    expect(delays).toEqual([5_000, 6_000]);
  });

  test('ends at once when the server requests a pause longer than maxRetryAfter', async () => {
    const { fetch, sent, events } = stub([retry({ maxRetryAfter: 10_000 })], () =>
      responseOf(503, { 'retry-after': '11' }),
    );
    expect((await fetch(url)).status).toBe(503);
    expect(sent).toHaveLength(1);
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'retry-after' });
  });

  test('does not begin a delay that reaches the deadline, and returns the last outcome at once', async () => {
    const { fetch, sent, events } = stub([timeout(1_000), retry({ backoff: constant(1_000) })], () => responseOf(503));
    const started = performance.now();
    expect((await fetch(url)).status).toBe(503);
    expect(performance.now()).toBe(started);
    expect(sent).toHaveLength(1);
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'deadline' });
    await vi.runAllTimersAsync(); // the body was not read
  });

  test('rejects at once with the caller’s reason on an abort during a delay, and clears the timer', async () => {
    const { fetch, sent } = stub([retry({ backoff: constant(60_000) })], () => responseOf(503));
    const leaving = new AbortController();
    const error = reasonOf(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(1_000);
    const reason = { why: 'closed the tab' };
    leaving.abort(reason);
    expect(await error).toBe(reason);
    expect(sent).toHaveLength(1);
  });

  test('never retries after the caller’s abort, for any reason', async () => {
    let sent = 0;
    const { fetch, events } = watched([retry({ backoff: constant(0), when: () => true })], (input, init) => {
      sent += 1;
      return silent(input, init);
    });
    const reasons = [networkError('ECONNRESET'), new DOMException('too slow', 'TimeoutError'), undefined];
    for (const reason of reasons) {
      const leaving = new AbortController();
      const error = reasonOf(fetch(url, { signal: leaving.signal }));
      await vi.advanceTimersByTimeAsync(10);
      leaving.abort(reason);
      expect(await error).toBe(leaving.signal.reason);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(sent).toBe(reasons.length);
    expect(events.filter(({ type }) => type.startsWith('retry.'))).toEqual([]);
  });

  test('spends a budget that may be shared, and never fails the first attempt', async () => {
    const shared = budget({ ratio: 0, floor: 0.2, window: 10_000 }); // two in all
    const one = stub([retry({ budget: shared, backoff: constant(0) })], () => responseOf(503));
    const two = stub([retry({ budget: shared, backoff: constant(0) })], () => responseOf(503));
    expect((await one.fetch(url)).status).toBe(503);
    expect(one.sent).toHaveLength(3);
    expect((await two.fetch(url)).status).toBe(503);
    expect(two.sent).toHaveLength(1);
    expect(two.events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'budget' });
  });

  test('sends at most 1.3 requests per call in a total outage at 200 calls per second', async () => {
    const { fetch, sent } = stub([retry()], () => {
      throw networkError('ECONNREFUSED');
    });
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 2_000; call += 1) {
      calls.push(fetch(url).catch(() => undefined));
      await vi.advanceTimersByTimeAsync(5);
    }
    await vi.runAllTimersAsync();
    await Promise.all(calls);
    expect(sent.length / 2_000).toBeLessThanOrEqual(1.3);
    expect(sent.length / 2_000).toBeGreaterThan(1.1);
  });

  test('judges outcomes by `when` in place of statuses and errors', async () => {
    const { fetch, sent } = stub(
      [retry({ when: ({ response }) => response?.headers.get('x-again') === 'yes' })],
      (attempt) => (attempt === 1 ? responseOf(200, { 'x-again': 'yes' }) : responseOf(500)),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(500);
    expect(sent).toHaveLength(2);
  });

  test.each([
    ['`when`', { when: () => raise(oops) }, 1],
    ['`when`, after a retry', { when: failsLater() }, 2],
    ['the backoff', { backoff: () => raise(oops) }, 1],
    ['the budget', { budget: { deposit() {}, withdraw: () => raise(oops), balance: 1 } }, 1],
  ])('rejects with an error thrown by %s, and sends nothing more', async (_what, options, attempts) => {
    const { fetch, sent, types } = stub([retry({ backoff: constant(0), ...options })], () => responseOf(503));
    await expect(fetch(url)).rejects.toBe(oops);
    expect(sent).toHaveLength(attempts);
    expect(types()).not.toContain('retry.abandoned');
  });

  test('retries without a limit of its own where retries is Infinity', async () => {
    const { fetch, sent, events } = stub(
      [retry({ retries: Infinity, backoff: constant(0), budget: budget({ ratio: 0, floor: 2 }) })],
      () => responseOf(503),
    );
    await fetch(url);
    expect(sent).toHaveLength(1 + 20);
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'budget' });
  });

  test('spends nothing of its budget on a good response, and nothing when no retry is left', async () => {
    const purse = budget({ ratio: 0, floor: 0.5 });
    const { fetch } = stub([retry({ retries: 1, backoff: constant(0), budget: purse })], (attempt) =>
      responseOf(attempt === 1 ? 200 : 503),
    );
    await fetch(url);
    expect(purse.balance).toBe(5);
    await fetch(url);
    expect(purse.balance).toBe(4);
  });

  test('emits nothing when the caller aborts while the body is being recorded', async () => {
    const { request } = endlessUpload();
    const { fetch, types } = stub([retry()], () => responseOf(503));
    const leaving = new AbortController();
    const error = reasonOf(fetch(request, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(100);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await vi.runAllTimersAsync();
    expect(types().filter((type) => type.startsWith('retry.'))).toEqual([]);
  });

  test.each([
    ['a good response', 200],
    ['a response that ends the retries', 503],
  ])('stops the recording of the body after %s', async (_what, status) => {
    const { request, bytesRead } = endlessUpload();
    const { fetch } = stub([retry()], () => responseOf(status, { 'retry-after': '3600' }));
    await fetch(request);
    await vi.advanceTimersByTimeAsync(100);
    const before = bytesRead();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(bytesRead()).toBe(before);
  });

  test('can be overridden for a call', async () => {
    for (const [override, attempts] of [
      [0, 1],
      [1, 2],
      [{ retries: 2 }, 3],
      [{ statuses: [] }, 1],
      [false, 1],
      [true, 4],
    ] as const) {
      const { fetch, sent } = stub([retry({ backoff: constant(1) })], () => responseOf(503));
      const pending = fetch(url, { retry: override });
      await vi.runAllTimersAsync();
      await pending;
      expect([override, sent.length]).toEqual([override, attempts]);
    }
  });

  test('spends one budget with the calls that override its options', async () => {
    const { fetch, sent } = stub([retry({ budget: budget({ ratio: 0, floor: 0.1 }), backoff: constant(0) })], () =>
      responseOf(503),
    );
    await fetch(url, { retry: 3 });
    await fetch(url, { retry: 3 });
    expect(sent).toHaveLength(3);
  });

  test.each([
    ['retry retries must be a whole number of 0 or more, got -1', () => retry({ retries: -1 })],
    ['retry retries must be a whole number of 0 or more, got 1.5', () => retry({ retries: 1.5 })],
    ['retry backoff must be a function, got 100', () => retry({ backoff: 100 as never })],
    ['retry statuses must be a list, got 503', () => retry({ statuses: 503 as never })],
    ['retry maxRetryAfter must be', () => retry({ maxRetryAfter: Number.NaN })],
    ['retry has no option limit; it has retries, backoff', () => retry({ limit: 3 } as never)],
    ['budget ratio must be a number from 0 to 1, got 2', () => retry({ budget: budget({ ratio: 2 }) })],
    ['exponential(base) must be', () => retry({ backoff: exponential(-1, 5) })],
    ['retry budget must be budget({ ... }) or false, got 3', () => retry({ budget: 3 as never })],
  ])('refuses invalid options: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

describe('retry on a real server', () => {
  let server: FaultServer;
  const events: KyoaEvent[] = [];
  const fetch = createFetch({
    use: [
      observe((event) => events.push(event)),
      timeout(5_000),
      retry({ backoff: constant(5) }),
      timeout({ headers: 500 }),
    ],
  });
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
    events.length = 0;
  });
  afterAll(() => server.close());

  const id = (): string => crypto.randomUUID();

  test.each([
    ['a string', () => 'a string body'],
    ['bytes', () => new TextEncoder().encode('a string body')],
    ['a Blob', () => new Blob(['a string', ' body'])],
    ['URLSearchParams', () => new URLSearchParams('a+string=body')],
  ])('sends the whole body again: %s', async (_kind, body) => {
    const response = await fetch(server.url(`/reset-sequence?steps=reset,fin,ok&id=${id()}`), {
      method: 'PUT',
      body: body(),
    });
    expect(response.status).toBe(200);
    await response.text();
    const bodies = server.requests.map((seen) => seen.body.toString());
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).not.toBe('');
  });

  test('sends a form again with a boundary that matches its header', async () => {
    const body = new FormData();
    body.set('name', 'value');
    body.set('file', new Blob(['contents']), 'file.txt');
    await (await fetch(server.url(`/sequence?statuses=503,200&id=${id()}`), { method: 'PUT', body })).text();
    expect(server.requests).toHaveLength(2);
    for (const { headers, body: sent } of server.requests) {
      const boundary = /boundary=(.*)$/.exec(String(headers['content-type']))![1]!;
      expect(sent.toString()).toContain(`--${boundary}--`);
      expect(sent.toString()).toContain('contents');
    }
  });

  test('sends what the body was at the time of the call', async () => {
    const body = new TextEncoder().encode('before');
    const pending = fetch(server.url(`/sequence?statuses=503,200&id=${id()}`), { method: 'PUT', body });
    await server.until(({ requests }) => requests[0]?.body.length === 6);
    body.fill(0x21);
    await (await pending).text();
    expect(server.requests.map((seen) => seen.body.toString())).toEqual(['before', 'before']);
  });

  test('sends the body of a Request again, though the source of that body is unknown', async () => {
    const request = new Request(server.url(`/sequence?statuses=503,503,200&id=${id()}`), {
      method: 'PUT',
      body: 'mine',
    });
    await (await fetch(request)).text();
    expect(server.requests.map((seen) => seen.body.toString())).toEqual(['mine', 'mine', 'mine']);
  });

  test('sends a stream once', async () => {
    const body = new Blob(['streamed']).stream();
    const response = await fetch(server.url('/status/503'), { method: 'PUT', body, duplex: 'half' } as RequestInit);
    expect(response.status).toBe(503);
    await response.text();
    expect(server.requests.map((seen) => seen.body.toString())).toEqual(['streamed']);
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry.abandoned', reason: 'body', status: 503 }));
  });

  test('does not keep a large body of unknown source, and sends it once', async () => {
    const request = new Request(server.url('/status/503'), { method: 'PUT', body: new Uint8Array(3 * 1024 * 1024) });
    const response = await fetch(request);
    expect(response.status).toBe(503);
    await response.text();
    expect(server.requests).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry.abandoned', reason: 'body' }));
  });

  test('is not delayed by a never-ending error body, and closes its connection', async () => {
    const started = performance.now();
    const response = await fetch(server.url('/endless?status=503&gap=5'), {
      retry: { retries: 1 },
      timeout: { total: 3_000 },
    });
    expect(response.status).toBe(503);
    expect(performance.now() - started).toBeLessThan(1_000);
    await response.body!.cancel();
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('keeps the connection of a discarded response that is short', async () => {
    await using own = await faultServer(); // its pool has no connections that earlier tests have closed
    await (
      await fetch(own.url(`/sequence?statuses=503,503,200&id=${id()}`), { retry: { backoff: constant(30) } })
    ).text();
    expect(own.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
  });

  test('sends the request again at once on a fresh connection when the server has closed a kept-alive one', async () => {
    await using fresh = await faultServer(); // the pool must not have another connection to it
    await (await fetch(fresh.url('/keepalive/close-next'))).text();
    await delayed(undefined, 0); // undici reuses a connection only a turn later
    events.length = 0;
    await (await fetch(fresh.url('/ok'), { retry: { backoff: constant(60_000) } })).text();
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry.scheduled', retry: 1, delay: 0 }));
    expect(fresh.connections).toBe(2);
    expect(fresh.count('/ok')).toBe(2);
  });

  test('sends a POST once, also after a reset that hides whether the work was done', async () => {
    const work = id();
    const url = server.url(`/work?then=reset&id=${work}`);
    await expect(fetch(url, { method: 'POST', body: 'order' })).rejects.toThrow('fetch failed');
    expect(server.executions(work)).toBe(1);
  });
});
