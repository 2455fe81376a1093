/** `timeout` outside and inside each other policy: which call fails, what it releases, and what is no longer sent. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  breaker,
  constant,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  limit,
  memory,
  race,
  retry,
  staleIfError,
  timeout,
  TimeoutError,
  type Fetch,
} from '../../src/index.ts';
import { deaf, silent, stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

/** The transport, and the signal of each request that it receives. */
const recordSignals = (transport: Fetch) => {
  const signals: AbortSignal[] = [];
  const recorded: Fetch = (input, init) => {
    signals.push(init!.signal!);
    return transport(input, init);
  };
  return { signals, recorded };
};

describe('timeout', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('outside retry starts no pause that would outlast it, and returns the last response, readable', async () => {
    const { fetch, sent, events } = stub(
      [timeout(1_000), retry({ backoff: constant(400) })],
      (attempt) => new Response(`no ${attempt}`, { status: 503 }),
    );
    const started = performance.now();
    const body = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(999);
    expect(await body).toBe('no 3');
    expect(performance.now() - started).toBe(999);
    expect(sent).toHaveLength(3);
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry.abandoned', reason: 'deadline' }));
  });

  test('outside retry ends an attempt whose transport ignores its signal, and no other attempt follows', async () => {
    const { signals, recorded } = recordSignals(deaf);
    const { fetch } = watched([timeout(1_000), retry({ backoff: constant(0) })], recorded);
    const error = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await error).toMatchObject({ code: 'TIMEOUT', phase: 'total', elapsed: 1_000 });
    expect(signals).toHaveLength(1);
    expect(signals[0]!.reason).toBe(await error);
  });

  test('inside retry limits each attempt on its own, and the error of the last is thrown unchanged', async () => {
    const { signals, recorded } = recordSignals(silent);
    const { fetch, events } = watched(
      [retry({ retries: 2, backoff: constant(10) }), timeout({ headers: 100 })],
      recorded,
    );
    const error = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(320);
    expect(await error).toBe(signals[2]!.reason);
    expect(new Set(signals.map(({ reason }) => reason as unknown)).size).toBe(3);
    expect(events.filter(({ type }) => type === 'timeout.exceeded')).toHaveLength(3);
  });

  test('outside hedge aborts all copies with its error, and no further copy is sent', async () => {
    const { signals, recorded } = recordSignals(silent);
    const { fetch } = watched([timeout(100), hedge({ hedges: 5, delay: 40 })], recorded);
    const error = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(signals.map(({ reason }) => reason as unknown)).toEqual([await error, await error, await error]);
  });

  test('outside race aborts the request to every endpoint with its error', async () => {
    const { signals, recorded } = recordSignals(deaf);
    const { fetch } = watched([timeout(100), race(['http://a.example', 'http://b.example'])], recorded);
    const error = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(signals.map(({ reason }) => reason as unknown)).toEqual([await error, await error]);
  });

  test('inside race limits one endpoint, and the race goes on', async () => {
    const { fetch, events } = watched(
      [race(['http://a.example', 'http://b.example']), timeout({ headers: 100 })],
      (input, init) =>
        new Request(input).url.startsWith('http://a.') ? silent(input, init) : delayed(new Response('from b'), 90),
    );
    const body = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(200);
    expect(await body).toBe('from b');
    expect(events.map(({ type }) => type)).not.toContain('timeout.exceeded');
  });

  test('outside dedupe ends one sharer at its limit and serves the others, and aborts the request with the last sharer', async () => {
    const { signals, recorded } = recordSignals(async (_input, init) => {
      await delayed(new Response(), 150);
      init!.signal!.throwIfAborted();
      return new Response('for the patient');
    });
    const { fetch } = watched([timeout(60_000), dedupe()], recorded);
    const hasty = reasonOf(fetch(url, { timeout: 100 }));
    const patient = fetch(url);
    const later = reasonOf(fetch(url, { timeout: 120 }));
    await vi.advanceTimersByTimeAsync(150);
    expect([await hasty, await later]).toMatchObject([{ limit: 100 }, { limit: 120 }]);
    expect(await (await patient).text()).toBe('for the patient');
    const all = [reasonOf(fetch(url, { timeout: 50 })), reasonOf(fetch(url, { timeout: 70 }))];
    await vi.advanceTimersByTimeAsync(50);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(all);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  test('outside breaker makes a probe that exceeds it open the circuit again, and a later probe may pass', async () => {
    let transport: Fetch = silent;
    const guard = breaker({ volume: 1, cooldown: constant(1_000) });
    const { fetch } = watched([timeout(100), guard], (input, init) => transport(input, init));
    const tripped = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await tripped).toBeInstanceOf(TimeoutError);
    await vi.advanceTimersByTimeAsync(1_000);
    transport = deaf;
    const probe = reasonOf(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await probe).toBeInstanceOf(TimeoutError);
    expect(await reasonOf(fetch(url))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    await vi.advanceTimersByTimeAsync(1_000);
    transport = async () => new Response('well');
    expect(await (await fetch(url)).text()).toBe('well');
  });

  test('outside limit releases the queue place or the permit of a call, even if the transport ignores its signal', async () => {
    const bulkhead = limit({ concurrency: 1 });
    const { signals, recorded } = recordSignals(deaf);
    const { fetch } = watched([timeout(100), bulkhead], recorded);
    const running = reasonOf(fetch(url));
    const waiting = reasonOf(fetch(url, { timeout: 50 }));
    await vi.advanceTimersByTimeAsync(50);
    expect(await waiting).toMatchObject({ code: 'TIMEOUT', limit: 50 });
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject({ running: 1, waiting: 0 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await running).toMatchObject({ code: 'TIMEOUT', limit: 100 });
    expect(signals).toHaveLength(1);
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject({ running: 0, waiting: 0 });
  });

  test('inside limit does not count the time in the queue', async () => {
    const { fetch } = watched([limit({ concurrency: 1 }), timeout({ headers: 100 })], () =>
      delayed(new Response('in time'), 90),
    );
    const bodies = [1, 2, 3].map(async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(300);
    expect(await Promise.all(bodies)).toEqual(['in time', 'in time', 'in time']);
  });

  test('inside fallback is replaced, and outside it is not, even while a substitute is being made', async () => {
    const inside = watched([fallback(() => 'instead'), timeout(100)], deaf);
    const replaced = inside.fetch(url).then((response) => response.json());
    const outside = watched([timeout(100), fallback(() => delayed('instead', 50)), timeout({ headers: 80 })], deaf);
    const error = reasonOf(outside.fetch(url));
    await vi.advanceTimersByTimeAsync(200);
    expect(await replaced).toBe('instead');
    expect(await error).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
  });

  test('inside and outside endpoints counts as a failure of the endpoint, and an abort by the caller does not', async () => {
    const route = endpoints([{ url: 'http://a.example' }], { eject: false });
    const failures = (): number => route.snapshot()[0]!.failures;
    const { fetch } = watched([timeout(200), route, timeout({ headers: 100 })], deaf);
    const inner = reasonOf(fetch(url));
    const outer = reasonOf(fetch(url, { timeout: { total: 50 } }));
    const leaving = new AbortController();
    const left = reasonOf(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(50);
    expect([await outer, failures()]).toEqual([expect.any(TimeoutError), 1]);
    leaving.abort('gone');
    expect(await left).toBe('gone');
    await vi.advanceTimersByTimeAsync(50);
    expect([await inner, failures()]).toEqual([expect.any(TimeoutError), 2]);
    expect(route.snapshot()[0]!.inFlight).toBe(0);
    await vi.advanceTimersByTimeAsync(500); // the latency history is written
  });
});

/** Without this header the responses of the server are `no-store`. */
const storable = 'headers={"cache-control":"private"}';

describe('timeout on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('outside retry and hedge reaches the body of the response, and closes its connection', async () => {
    const target = server.url(`/reset-sequence?steps=503,stall&id=${crypto.randomUUID()}`);
    const { fetch } = watched([timeout(300), retry({ backoff: constant(1) }), hedge({ delay: 60_000 })]);
    const response = await fetch(target);
    expect(response.status).toBe(200);
    expect(await reasonOf(response.text())).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
    await server.until(({ aborted }) => aborted.length === 1);
    expect(server.requests).toHaveLength(2);
  });

  test('outside idempotency frees the key of a call that exceeds it, and the repeat sends the same key', async () => {
    const { fetch } = watched([timeout(5_000), idempotency()]);
    const target = server.url(`/sequence?steps=hang,ok&id=${crypto.randomUUID()}`);
    const init = { method: 'POST', body: 'an order', requestId: 'order-7' };
    expect(await reasonOf(fetch(target, { ...init, timeout: 100 }))).toBeInstanceOf(TimeoutError);
    const response = await fetch(target, init);
    expect(response.status).toBe(200);
    expect(response.headers.has('idempotency-replayed')).toBe(false);
    await response.text();
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['order-7', 'order-7']);
  });

  test('inside staleIfError is a failure: the stored response is served, and the connection is closed', async () => {
    const target = server.url(`/sequence?steps=ok,hang&id=${crypto.randomUUID()}&${storable}`);
    const storage = memory();
    const set = vi.spyOn(storage, 'set');
    const { fetch, events } = watched([staleIfError({ storage }), timeout(200)]);
    const fresh = await (await fetch(target)).text();
    await vi.waitFor(() => expect(set).toHaveResolved()); // the write does not delay the reader
    const stale = await fetch(target);
    expect(stale.headers.get('warning')).toMatch(/^111 /);
    expect(await stale.text()).toBe(fresh);
    expect(events).toContainEqual(expect.objectContaining({ type: 'stale-if-error.served' }));
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('outside staleIfError is no failure: the caller gets the TimeoutError', async () => {
    const target = server.url(`/sequence?steps=ok,hang&id=${crypto.randomUUID()}&${storable}`);
    const storage = memory();
    const set = vi.spyOn(storage, 'set');
    const { fetch } = watched([timeout(200), staleIfError({ storage })]);
    await (await fetch(target)).text();
    await vi.waitFor(() => expect(set).toHaveResolved());
    expect(await reasonOf(fetch(target))).toBeInstanceOf(TimeoutError);
    await server.until(({ aborted }) => aborted.length === 1);
  });
});
