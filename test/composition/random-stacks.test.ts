/**
 * Rules that every stack obeys, in any order and under any faults. Policies get small random options, the transport
 * plays a random script, and the time is virtual.
 */
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  breaker,
  budget,
  constant,
  createFetch,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  latest,
  limit,
  observe,
  race,
  resume,
  retry,
  staleIfError,
  timeout,
  type Budget,
  type Fetch,
  type KyoaEvent,
  type Middleware,
} from '../../src/index.ts';
import { networkError } from '../support/http.ts';
import { settled } from '../support/origin.ts';
import { delayed } from '../support/promises.ts';

const origins = ['http://a.example', 'http://b.example'];
const url = `${origins[0]}/search`;
/** Longer than any script, pause or limit in this file. */
const longEnough = 300_000;
/** A discarded body is drained for up to a second. The latency history is written after half a second. */
const aftermath = 10_000;

interface Step {
  readonly kind: 'respond' | 'refuse' | 'reset' | 'break' | 'hang';
  readonly delay: number;
  /** The transport ignores the signal until it has responded. */
  readonly deaf: boolean;
  readonly status: number;
  readonly retryAfter: boolean;
  readonly body: 'none' | 'whole' | 'drip' | 'endless' | 'stall' | 'broken';
}

interface Caller {
  readonly at: number;
  readonly method: 'GET' | 'POST';
  readonly named: boolean;
  /** When the caller aborts, in ms after the start of the call; `null` means never. */
  readonly leaves: number | null;
  readonly reads: 'text' | 'clone' | 'cancel' | 'begin' | 'late';
}

interface Layer {
  readonly name: string;
  /** By how much the policy can multiply the requests upstream. */
  readonly factor: number;
  readonly make: (shared: Budget) => Middleware;
}

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const delays = pick(0, 0, 1, 10, 50, 200, 1_000, 5_000);

const step: fc.Arbitrary<Step> = fc.record({
  kind: pick<Step['kind']>('respond', 'respond', 'respond', 'respond', 'refuse', 'reset', 'break', 'hang'),
  delay: delays,
  deaf: fc.boolean(),
  status: pick(200, 200, 200, 204, 404, 429, 500, 503),
  retryAfter: pick(false, false, true),
  body: pick<Step['body']>('none', 'whole', 'whole', 'drip', 'endless', 'stall', 'broken'),
});

const caller: fc.Arbitrary<Caller> = fc.record({
  at: delays,
  method: pick<Caller['method']>('GET', 'GET', 'GET', 'POST'),
  named: fc.boolean(),
  leaves: fc.option(delays),
  reads: pick<Caller['reads']>('text', 'text', 'clone', 'cancel', 'begin', 'late'),
});

const limits = pick(undefined, 20, 100, 2_000, 60_000);
const layers: fc.Arbitrary<Layer>[] = [
  fc.record({ total: limits, headers: limits, idle: limits }).map(({ total, headers, idle }) => ({
    name: 'timeout',
    factor: 1,
    make: () => timeout({ ...(total && { total }), ...(headers && { headers }), ...(idle && { idle }) }),
  })),
  fc.record({ retries: pick(1, 2), wait: pick(0, 30, 400) }).map(({ retries, wait }) => ({
    name: 'retry',
    factor: 1 + retries,
    make: (shared: Budget) => retry({ retries, backoff: constant(wait), budget: shared }),
  })),
  fc.record({ continuations: pick(1, 2), wait: pick(0, 30, 400) }).map(({ continuations, wait }) => ({
    name: 'resume',
    factor: 1 + 4 * continuations, // a body that has broken off may bring new bytes a few times
    make: (shared: Budget) => resume({ continuations, backoff: constant(wait), budget: shared }),
  })),
  fc.record({ hedges: pick(1, 2), delay: pick(0, 15, 100, 60_000) }).map(({ hedges, delay }) => ({
    name: 'hedge',
    factor: 1 + hedges,
    make: (shared: Budget) => hedge({ hedges, delay, budget: shared }),
  })),
  fc.constant({ name: 'race', factor: 2, make: () => race(origins) }),
  fc.constant({ name: 'dedupe', factor: 1, make: () => dedupe() }),
  fc.record({ lease: pick(300, 15_000) }).map(({ lease }) => ({
    name: 'idempotency',
    // A successor sends the request of a holder whose lease expired. A waiter sends its own if no response was stored.
    factor: 1,
    make: () => idempotency({ lease }),
  })),
  fc.record({ volume: pick(1, 2, 5), cooldown: pick(50, 2_000), probes: pick(1, 2) }).map((options) => ({
    name: 'breaker',
    factor: 1,
    make: () => breaker({ ...options, random: () => 0.5 }),
  })),
  fc.record({ concurrency: pick(1, 2), queue: pick(1, 100), rate: fc.boolean() }).map(({ rate, ...options }) => ({
    name: 'limit',
    factor: 1,
    make: () => limit({ ...options, ...(rate && { rate: { count: 2, window: 500 } }) }),
  })),
  fc.constant({ name: 'fallback', factor: 1, make: () => fallback(() => 'instead') }),
  fc.constant({ name: 'staleIfError', factor: 1, make: () => staleIfError() }),
  fc.constant({ name: 'latest', factor: 1, make: () => latest({ key: () => 'all' }) }),
  fc.record({ choice: pick<'weighted' | 'fastest'>('weighted', 'fastest') }).map(({ choice }) => ({
    name: 'endpoints',
    factor: 1,
    make: () =>
      endpoints(
        origins.map((url) => ({ url })),
        { pick: choice, eject: { failures: 2, for: 500 }, random: () => 0.3 },
      ),
  })),
];

const stack: fc.Arbitrary<readonly Layer[]> = fc
  .tuple(fc.tuple(...layers), fc.shuffledSubarray(layers.map((_, index) => index)))
  .map(([all, order]) => inPlace(order.map((index) => all[index]!)));

/** Moves `latest` outside `hedge` and `race`: inside them the copies of one call would replace each other. */
function inPlace(layers: readonly Layer[]): readonly Layer[] {
  const isLatest = ({ name }: Layer): boolean => name === 'latest';
  const [first] = layers.filter(({ name }) => ['latest', 'hedge', 'race'].includes(name));
  if (first === undefined || isLatest(first)) return layers;
  return layers.toSorted((one, other) => Number(isLatest(other)) - Number(isLatest(one)));
}

/** A transport that plays the script and repeats its last step. It records every body that it returns. */
function scriptedTransport(script: readonly Step[]) {
  const bodies: { state: 'open' | 'read' | 'cancelled' | 'failed'; step: Step }[] = [];
  let healthy = false;
  let sent = 0;

  const respond = (step: Step, number: number, signal: AbortSignal): Response => {
    const headers = step.retryAfter ? { 'retry-after': '1' } : {};
    const { status } = step;
    if (step.body === 'none' || status === 204) return new Response(null, { status, headers });
    const entry: (typeof bodies)[number] = { state: 'open', step };
    bodies.push(entry);
    const text = `response ${number}.`;
    let chunks = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (state: typeof entry.state): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', cut);
      if (entry.state === 'open') entry.state = state;
    };
    let fail!: (error: unknown) => void;
    const cut = (): void => {
      end('failed');
      fail(signal.reason);
    };
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          fail = (error) => controller.error(error);
        },
        pull(controller) {
          const next = new TextEncoder().encode(text);
          const wait = (ms: number): Promise<void> => new Promise((resolve) => (timer = setTimeout(resolve, ms)));
          const write = (): void => {
            if (entry.state === 'open') controller.enqueue(next);
          };
          chunks += 1;
          if (step.body === 'stall' && chunks > 1) return new Promise(() => {});
          if (step.body === 'endless') return wait(700).then(write);
          if (step.body === 'broken' && chunks > 1) {
            end('failed');
            return fail(networkError('ECONNRESET'));
          }
          if (chunks > (step.body === 'drip' ? 3 : 1)) {
            end('read');
            return controller.close();
          }
          return step.body === 'drip' ? wait(40).then(write) : write();
        },
        cancel: () => end('cancelled'),
      },
      { highWaterMark: 0 },
    );
    // A transport that responds although its signal has aborted does not see that abort later either.
    if (!signal.aborted) signal.addEventListener('abort', cut);
    return new Response(body, { status, headers });
  };

  const transport: Fetch = (_input, init) => {
    const signal = init!.signal!;
    const number = (sent += 1);
    if (healthy) return Promise.resolve(new Response(`healthy ${number}`));
    const step = script[Math.min(number, script.length) - 1]!;
    return new Promise((resolve, reject) => {
      if (step.kind !== 'hang') setTimeout(settle, step.delay);
      if (!step.deaf) {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener('abort', () => reject(signal.reason));
      }
      function settle(): void {
        if (signal.aborted && !step.deaf) return;
        if (step.kind === 'respond') resolve(respond(step, number, signal));
        else if (step.kind === 'break') reject(new RangeError('a programming error'));
        else reject(networkError(step.kind === 'reset' ? 'ECONNRESET' : 'ECONNREFUSED'));
      }
    });
  };

  return {
    transport,
    bodies,
    sent: () => sent,
    heal: () => {
      healthy = true;
    },
  };
}

/** A controller, and the set of the listeners on its signal. */
function countingController() {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const [on, off] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions): void => {
    listeners.add(listener);
    on(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener): void => {
    listeners.delete(listener);
    off(type, listener);
  };
  return { controller, signal, listeners };
}

/** Advances the fake timers. Between two timers the event loop turns, because reading a Blob takes real time. */
async function pass(ms: number, isOver: () => boolean = () => false): Promise<void> {
  const end = performance.now() + ms;
  for (;;) {
    await settled();
    if (isOver() || performance.now() >= end) return;
    if (vi.getTimerCount() === 0) {
      await vi.advanceTimersByTimeAsync(end - performance.now());
    } else await vi.advanceTimersToNextTimerAsync();
  }
}

describe('every stack', () => {
  const unhandled: unknown[] = [];
  const record = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    vi.useFakeTimers();
    // The digest of the platform takes real time, which differs from run to run.
    vi.spyOn(crypto.subtle, 'digest').mockImplementation(
      async (_algorithm, data) =>
        new Uint8Array(
          createHash('sha256')
            .update(data as Uint8Array)
            .digest(),
        ).buffer,
    );
    process.on('unhandledRejection', record);
  });
  afterEach(() => {
    process.off('unhandledRejection', record);
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  async function run(layers: readonly Layer[], script: readonly Step[], callers: readonly Caller[]): Promise<void> {
    const { transport, bodies, sent, heal } = scriptedTransport(script);
    const shared = budget({ ratio: 0, floor: 0.4 }); // four in ten seconds
    const use = layers.map(({ make }) => make(shared));
    const events: KyoaEvent[] = [];
    const fetch = createFetch({ use: [observe((event) => events.push(event)), ...use], fetch: transport });
    const signals: ReturnType<typeof countingController>[] = [];
    const started = performance.now();
    let open = callers.length;
    let extra = 0;

    const call = async (caller: Caller, number: number): Promise<void> => {
      await delayed(undefined, caller.at);
      const { controller, signal, listeners } = countingController();
      signals.push({ controller, signal, listeners });
      const reason = { caller: number };
      let phase = 'pending';
      let abortedWhile: string | undefined;
      let abortedAt = 0;
      const leave = (): void => {
        if (signal.aborted) return;
        abortedWhile = phase;
        abortedAt = performance.now();
        controller.abort(reason);
      };
      if (caller.leaves !== null) setTimeout(leave, caller.leaves);
      const last = setTimeout(leave, longEnough - 10_000); // ends a call that would wait without end

      const expectReason = (thrown: unknown): void => {
        expect(thrown, 'the caller’s own reason').toBe(reason);
        expect(performance.now(), 'at once').toBe(abortedAt);
      };
      try {
        const response = await fetch(url, {
          method: caller.method,
          signal,
          ...(caller.named && { requestId: 'the same' }),
          ...(caller.method === 'POST' && { body: 'an order' }),
        });
        expect(abortedWhile, 'no response after an abort').not.toBe('pending');
        phase = 'reading';
        if (caller.reads === 'late') await delayed(undefined, 150);
        await read(response, caller.reads).then(
          (text) => {
            // The text is whole and of one response. An abort cannot take an empty body away.
            if (text) expect(abortedWhile, 'no body after an abort').not.toBe('reading');
            if (text !== undefined) expect(text).toMatch(/^(|"instead"|(response \d+\.)\2{0,2})$/);
          },
          (error: unknown) => {
            // For a late reader, a limit may have run out before the abort.
            if (abortedWhile === 'reading' && caller.reads !== 'late') expectReason(error);
          },
        );
      } catch (error) {
        if (phase !== 'pending') throw error;
        if (abortedWhile === 'pending') expectReason(error);
        else expect(error, 'the caller has not aborted').not.toBe(reason);
      } finally {
        phase = 'over';
        clearTimeout(last);
        open -= 1;
      }
    };

    const calls = Promise.all(callers.map(call));
    calls.catch(() => {});
    await pass(longEnough, () => open === 0);
    expect(open, 'every call settles').toBe(0);
    await calls;

    const elapsed = performance.now() - started;
    for (const { type } of events) if (type === 'retry.scheduled' || type === 'hedge.launched') extra += 1;
    expect(extra, 'extra requests within the budget').toBeLessThanOrEqual(4 * Math.ceil((elapsed + 1) / 9_000));
    const factor = layers.reduce((product, { factor }) => product * factor, 1);
    expect(sent(), 'requests upstream').toBeLessThanOrEqual(callers.length * factor);
    expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(sent());

    await pass(aftermath);
    const settlements = events.filter(({ type }) => type === 'request.settled').length;
    // If the transport neither responds nor obeys its signal, the caller gets its reason but the observer no settlement.
    if (script.some(({ kind, deaf }) => kind === 'hang' && deaf))
      expect(settlements).toBeLessThanOrEqual(callers.length);
    else expect(settlements, 'settlements').toBe(callers.length);
    expect(vi.getTimerCount(), 'timers').toBe(0);
    const listening = signals.filter(({ signal, listeners }) => !signal.aborted && listeners.size > 0);
    expect(listening, 'listeners').toHaveLength(0);
    expect(
      bodies.filter(({ state }) => state === 'open').map(({ step }) => step),
      'bodies left open',
    ).toEqual([]);
    for (const policy of use) expectIdle(policy);

    // No state that the calls left behind stops the next call.
    await pass(60_000);
    heal();
    let next: unknown;
    void fetch(url, { requestId: 'another' })
      .then((response) => response.text())
      .catch((error: unknown) => error)
      .then((result) => (next = result));
    await pass(aftermath);
    expect(next, 'the next response').toMatch(/^healthy \d+$/);
    expect(vi.getTimerCount(), 'timers').toBe(0);
    expect(unhandled.splice(0)).toEqual([]);
  }

  async function read(response: Response, how: Caller['reads']): Promise<string | undefined> {
    if (how === 'text' || how === 'late') return response.text();
    if (how === 'clone') {
      const [one, other] = await Promise.all([response.clone().text(), response.text()]);
      expect(other).toBe(one);
      return one;
    }
    if (how === 'cancel') await response.body?.cancel();
    else if (response.body) {
      const reader = response.body.getReader();
      await reader.read();
      await reader.cancel();
    }
    return undefined;
  }

  /** Policies with a snapshot report no call in flight. */
  function expectIdle(policy: Middleware): void {
    const { snapshot } = policy as { snapshot?: () => Record<string, object> };
    for (const state of Object.values(snapshot?.() ?? {})) {
      if ('running' in state) expect(state).toMatchObject({ running: 0, waiting: 0 });
      if ('inFlight' in state) expect(state).toMatchObject({ inFlight: 0 });
    }
  }

  test(
    'settles each call once, obeys its caller, and leaves no timer, listener or body open',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          stack,
          fc.array(step, { minLength: 1, maxLength: 5 }),
          fc.array(caller, { minLength: 1, maxLength: 4 }),
          async (layers, script, callers) => {
            try {
              await run(layers, script, callers);
            } finally {
              vi.clearAllTimers();
              unhandled.length = 0;
            }
          },
        ),
        { numRuns: 400 },
      );
    },
  );
});
