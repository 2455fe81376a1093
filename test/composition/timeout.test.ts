/** A limit above, or beneath, each of the others: who is told, what is given back, and what nobody does any more. */
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
import { expectQuiet } from '../support/sockets.ts';

const url = 'http://api.example/';
const caught = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => expect.unreachable('It resolves'),
    (error: unknown) => error,
  );
const counting = (transport: Fetch) => {
  const signals: AbortSignal[] = [];
  const counted: Fetch = (input, init) => {
    signals.push(init!.signal!);
    return transport(input, init);
  };
  return { signals, counted };
};

describe('a limit on the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('of the whole over retry: a pause that would outlast it is not begun, and the last answer stands, readable', async () => {
    const { fetch, sent, events } = stub(
      [timeout(1_000), retry({ backoff: constant(400) })],
      (attempt) => new Response(`no ${attempt}`, { status: 503 }),
    );
    const started = performance.now();
    const answer = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(999);
    expect(await answer).toBe('no 3');
    expect(performance.now() - started).toBe(999);
    expect(sent).toHaveLength(3);
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry.abandoned', reason: 'deadline' }));
  });

  test('of the whole over retry of a deaf transport: it ends the attempt, and no other follows', async () => {
    const { signals, counted } = counting(deaf);
    const { fetch } = watched([timeout(1_000), retry({ backoff: constant(0) })], counted);
    const error = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await error).toMatchObject({ code: 'TIMEOUT', phase: 'total', elapsed: 1_000 });
    expect(signals).toHaveLength(1);
    expect(signals[0]!.reason).toBe(await error);
  });

  test('of an attempt under retry: each has its own, and the last one’s error is thrown as it was', async () => {
    const { signals, counted } = counting(silent);
    const { fetch, events } = watched(
      [retry({ retries: 2, backoff: constant(10) }), timeout({ headers: 100 })],
      counted,
    );
    const error = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(320);
    expect(await error).toBe(signals[2]!.reason);
    expect(new Set(signals.map(({ reason }) => reason as unknown)).size).toBe(3);
    expect(events.filter(({ type }) => type === 'timeout.exceeded')).toHaveLength(3);
  });

  test('over hedge: all copies are aborted with its error, also those that nobody has launched yet', async () => {
    const { signals, counted } = counting(silent);
    const { fetch } = watched([timeout(100), hedge({ hedges: 5, delay: 40 })], counted);
    const error = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(signals.map(({ reason }) => reason as unknown)).toEqual([await error, await error, await error]);
  });

  test('over race: every endpoint is let go with its error', async () => {
    const { signals, counted } = counting(deaf);
    const { fetch } = watched([timeout(100), race(['http://a.example', 'http://b.example'])], counted);
    const error = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(signals.map(({ reason }) => reason as unknown)).toEqual([await error, await error]);
  });

  test('under race: one endpoint’s limit is not the race’s', async () => {
    const { fetch, events } = watched(
      [race(['http://a.example', 'http://b.example']), timeout({ headers: 100 })],
      (input, init) =>
        (input as Request).url.startsWith('http://a.') ? silent(input, init) : late(new Response('from b'), 90),
    );
    const answer = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(200);
    expect(await answer).toBe('from b');
    expect(events.map(({ type }) => type)).not.toContain('timeout.exceeded');
  });

  test('over dedupe: who runs out of time leaves, the others are served, and only all of them abort the request', async () => {
    const { signals, counted } = counting(async (_input, init) => {
      await late(new Response(), 150);
      init!.signal!.throwIfAborted();
      return new Response('for the patient');
    });
    const { fetch } = watched([timeout(60_000), dedupe()], counted);
    const hasty = caught(fetch(url, { timeout: 100 }));
    const patient = fetch(url);
    const later = caught(fetch(url, { timeout: 120 }));
    await vi.advanceTimersByTimeAsync(150);
    expect([await hasty, await later]).toMatchObject([{ limit: 100 }, { limit: 120 }]);
    expect(await (await patient).text()).toBe('for the patient');
    const all = [caught(fetch(url, { timeout: 50 })), caught(fetch(url, { timeout: 70 }))];
    await vi.advanceTimersByTimeAsync(50);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(all);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  test('over breaker: a probe that runs out of time opens the circuit again, and the next one may pass', async () => {
    let transport: Fetch = silent;
    const guard = breaker({ volume: 1, cooldown: constant(1_000) });
    const { fetch } = watched([timeout(100), guard], (input, init) => transport(input, init));
    const tripped = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await tripped).toBeInstanceOf(TimeoutError);
    await vi.advanceTimersByTimeAsync(1_000);
    transport = deaf;
    const probe = caught(fetch(url));
    await vi.advanceTimersByTimeAsync(100);
    expect(await probe).toBeInstanceOf(TimeoutError);
    expect(await caught(fetch(url))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    await vi.advanceTimersByTimeAsync(1_000);
    transport = async () => new Response('well');
    expect(await (await fetch(url)).text()).toBe('well');
  });

  test('over limit: who runs out of time gives back a place in the queue, or a permit, whatever the transport hears', async () => {
    const bulkhead = limit({ concurrency: 1 });
    const { signals, counted } = counting(deaf);
    const { fetch } = watched([timeout(100), bulkhead], counted);
    const running = caught(fetch(url));
    const waiting = caught(fetch(url, { timeout: 50 }));
    await vi.advanceTimersByTimeAsync(50);
    expect(await waiting).toMatchObject({ code: 'TIMEOUT', limit: 50 });
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject({ running: 1, waiting: 0 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await running).toMatchObject({ code: 'TIMEOUT', limit: 100 });
    expect(signals).toHaveLength(1);
    expect(bulkhead.snapshot()['http://api.example']).toMatchObject({ running: 0, waiting: 0 });
  });

  test('under limit: the wait for a place is no slow answer', async () => {
    const { fetch } = watched([limit({ concurrency: 1 }), timeout({ headers: 100 })], () =>
      late(new Response('in time'), 90),
    );
    const answers = [1, 2, 3].map(async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(300);
    expect(await Promise.all(answers)).toEqual(['in time', 'in time', 'in time']);
  });

  test('under fallback it is replaced, over it nothing is: not even by a substitute that is still being made', async () => {
    const inside = watched([fallback(() => 'instead'), timeout(100)], deaf);
    const replaced = inside.fetch(url).then((response) => response.json());
    const outside = watched([timeout(100), fallback(() => late('instead', 50)), timeout({ headers: 80 })], deaf);
    const error = caught(outside.fetch(url));
    await vi.advanceTimersByTimeAsync(200);
    expect(await replaced).toBe('instead');
    expect(await error).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
  });

  test('under endpoints it is the endpoint’s failure, and over it, too; what the caller cut short is nobody’s', async () => {
    const route = endpoints([{ url: 'http://a.example' }], { eject: false });
    const failures = (): number => route.snapshot()[0]!.failures;
    const { fetch } = watched([timeout(200), route, timeout({ headers: 100 })], deaf);
    const inner = caught(fetch(url));
    const outer = caught(fetch(url, { timeout: { total: 50 } }));
    const leaving = new AbortController();
    const left = caught(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(50);
    expect([await outer, failures()]).toEqual([expect.any(TimeoutError), 1]);
    leaving.abort('gone');
    expect(await left).toBe('gone');
    await vi.advanceTimersByTimeAsync(50);
    expect([await inner, failures()]).toEqual([expect.any(TimeoutError), 2]);
    expect(route.snapshot()[0]!.inFlight).toBe(0);
    await vi.advanceTimersByTimeAsync(500); // what was learnt is written
  });
});

function late<T>(value: T, ms: number): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, ms, value));
}

/** The server's answers are `no-store` otherwise. */
const keepable = 'headers={"cache-control":"private"}';

describe('a limit on the wire', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('of the whole reaches the body of a retried, hedged answer, and closes its connection', async () => {
    const target = server.url(`/reset-sequence?steps=503,stall&id=${crypto.randomUUID()}`);
    const { fetch } = watched([timeout(300), retry({ backoff: constant(1) }), hedge({ delay: 60_000 })]);
    const response = await fetch(target);
    expect(response.status).toBe(200);
    expect(await caught(response.text())).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
    await server.until(({ aborted }) => aborted.length === 1);
    expect(server.requests).toHaveLength(2);
  });

  test('over idempotency: who runs out of time gives the key back, and the repeat sends the same one', async () => {
    const { fetch } = watched([timeout(5_000), idempotency()]);
    const target = server.url(`/sequence?steps=hang,ok&id=${crypto.randomUUID()}`);
    const init = { method: 'POST', body: 'an order', requestId: 'order-7' };
    expect(await caught(fetch(target, { ...init, timeout: 100 }))).toBeInstanceOf(TimeoutError);
    const response = await fetch(target, init);
    expect(response.status).toBe(200);
    expect(response.headers.has('idempotency-replayed')).toBe(false);
    await response.text();
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['order-7', 'order-7']);
  });

  test('under staleIfError it is a failure: the kept answer is served, and the connection is let go', async () => {
    const target = server.url(`/sequence?steps=ok,hang&id=${crypto.randomUUID()}&${keepable}`);
    const storage = memory();
    const kept = vi.spyOn(storage, 'set');
    const { fetch, events } = watched([staleIfError({ storage }), timeout(200)]);
    const fresh = await (await fetch(target)).text();
    await vi.waitFor(() => expect(kept).toHaveResolved()); // behind the reader's back
    const stale = await fetch(target);
    expect(stale.headers.get('warning')).toMatch(/^111 /);
    expect(await stale.text()).toBe(fresh);
    expect(events).toContainEqual(expect.objectContaining({ type: 'stale-if-error.served' }));
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('over staleIfError it is not one: the caller hears of the limit', async () => {
    const target = server.url(`/sequence?steps=ok,hang&id=${crypto.randomUUID()}&${keepable}`);
    const storage = memory();
    const kept = vi.spyOn(storage, 'set');
    const { fetch } = watched([timeout(200), staleIfError({ storage })]);
    await (await fetch(target)).text();
    await vi.waitFor(() => expect(kept).toHaveResolved());
    expect(await caught(fetch(target))).toBeInstanceOf(TimeoutError);
    await server.until(({ aborted }) => aborted.length === 1);
  });
});
