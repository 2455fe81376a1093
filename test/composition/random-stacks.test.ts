/**
 * What must hold of any stack, in any order, under any faults: policies with small random options over a scripted
 * transport, in virtual time.
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
  retry,
  staleIfError,
  timeout,
  type Budget,
  type Fetch,
  type KyoaEvent,
  type Middleware,
} from '../../src/index.ts';
import { settled } from '../support/origin.ts';

const origins = ['http://a.example', 'http://b.example'];
const url = `${origins[0]}/search`;
/** Longer than any script, pause and limit here. */
const longEnough = 300_000;
/** A discarded body is drained for a second, a learnt latency written after half of one. */
const aftermath = 10_000;

interface Step {
  readonly kind: 'answer' | 'refuse' | 'reset' | 'break' | 'hang';
  readonly delay: number;
  /** Hears no abort until it has answered. */
  readonly deaf: boolean;
  readonly status: number;
  readonly retryAfter: boolean;
  readonly body: 'none' | 'whole' | 'drip' | 'endless' | 'stall' | 'broken';
}

interface Caller {
  readonly at: number;
  readonly method: 'GET' | 'POST';
  readonly named: boolean;
  /** After the start of the call, ms; `null` for never. */
  readonly leaves: number | null;
  readonly reads: 'text' | 'clone' | 'cancel' | 'begin' | 'late';
}

interface Layer {
  readonly name: string;
  /** How much it multiplies what goes upstream. */
  readonly factor: number;
  readonly make: (shared: Budget) => Middleware;
}

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const delays = pick(0, 0, 1, 10, 50, 200, 1_000, 5_000);

const step: fc.Arbitrary<Step> = fc.record({
  kind: pick<Step['kind']>('answer', 'answer', 'answer', 'answer', 'refuse', 'reset', 'break', 'hang'),
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
  fc.record({ hedges: pick(1, 2), delay: pick(0, 15, 100, 60_000) }).map(({ hedges, delay }) => ({
    name: 'hedge',
    factor: 1 + hedges,
    make: (shared: Budget) => hedge({ hedges, delay, budget: shared }),
  })),
  fc.constant({ name: 'race', factor: 2, make: () => race(origins) }),
  fc.constant({ name: 'dedupe', factor: 2, make: () => dedupe() }), // a body too long to share costs everyone a call
  fc.record({ lease: pick(300, 15_000) }).map(({ lease }) => ({
    name: 'idempotency',
    // A holder given up for dead has a successor; and who waited for what was not kept goes next.
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

/** Any order but one: inside `hedge` or `race` the copies of one call would replace each other. */
function inPlace(layers: readonly Layer[]): readonly Layer[] {
  const isLatest = ({ name }: Layer): boolean => name === 'latest';
  const [first] = layers.filter(({ name }) => ['latest', 'hedge', 'race'].includes(name));
  if (first === undefined || isLatest(first)) return layers;
  return layers.toSorted((one, other) => Number(isLatest(other)) - Number(isLatest(one)));
}

const networkError = (code: string): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

/** Plays the script, its last step for ever, and keeps account of every body that it gave out. */
function world(script: readonly Step[]) {
  const bodies: { state: 'open' | 'read' | 'cancelled' | 'failed'; step: Step }[] = [];
  let healthy = false;
  let sent = 0;

  const respond = (step: Step, number: number, signal: AbortSignal): Response => {
    const headers = step.retryAfter ? { 'retry-after': '1' } : {};
    const { status } = step;
    if (step.body === 'none' || status === 204) return new Response(null, { status, headers });
    const entry: (typeof bodies)[number] = { state: 'open', step };
    bodies.push(entry);
    const text = `answer ${number}.`;
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
    // One who answers in spite of its signal does not hear of it afterwards either.
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
        if (step.kind === 'answer') resolve(respond(step, number, signal));
        else if (step.kind === 'break') reject(new RangeError('of the program'));
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

/** A signal that knows who listens to it. */
function leaving() {
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

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Virtual time passes; what takes real time, as reading a Blob does, gets its turn in between. */
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

describe('any stack', () => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    vi.useFakeTimers();
    // The platform's takes real time, and so another one in every run.
    vi.spyOn(crypto.subtle, 'digest').mockImplementation(
      async (_algorithm, data) =>
        new Uint8Array(
          createHash('sha256')
            .update(data as Uint8Array)
            .digest(),
        ).buffer,
    );
    process.on('unhandledRejection', hear);
  });
  afterEach(() => {
    process.off('unhandledRejection', hear);
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  async function run(layers: readonly Layer[], script: readonly Step[], callers: readonly Caller[]): Promise<void> {
    const { transport, bodies, sent, heal } = world(script);
    const shared = budget({ ratio: 0, floor: 0.4 }); // four in ten seconds
    const use = layers.map(({ make }) => make(shared));
    const events: KyoaEvent[] = [];
    const fetch = createFetch({ use: [observe((event) => events.push(event)), ...use], fetch: transport });
    const signals: ReturnType<typeof leaving>[] = [];
    const started = performance.now();
    let open = callers.length;
    let extra = 0;

    const call = async (caller: Caller, number: number): Promise<void> => {
      await sleep(caller.at);
      const { controller, signal, listeners } = leaving();
      signals.push({ controller, signal, listeners });
      const reason = { caller: number };
      let phase = 'pending';
      let leftWhile: string | undefined;
      let leftAt = 0;
      const leave = (): void => {
        if (signal.aborted) return;
        leftWhile = phase;
        leftAt = performance.now();
        controller.abort(reason);
      };
      if (caller.leaves !== null) setTimeout(leave, caller.leaves);
      const last = setTimeout(leave, longEnough - 10_000); // what may wait for ever ends here

      const expectReason = (thrown: unknown): void => {
        expect(thrown, 'the caller’s own reason').toBe(reason);
        expect(performance.now(), 'at once').toBe(leftAt);
      };
      try {
        const response = await fetch(url, {
          method: caller.method,
          signal,
          ...(caller.named && { requestId: 'the same' }),
          ...(caller.method === 'POST' && { body: 'an order' }),
        });
        expect(leftWhile, 'no answer for who has left').not.toBe('pending');
        phase = 'reading';
        if (caller.reads === 'late') await sleep(150);
        await read(response, caller.reads).then(
          (text) => {
            // Whole, and of one answer; and an empty one cannot be taken away.
            if (text) expect(leftWhile, 'no body for who has left').not.toBe('reading');
            if (text !== undefined) expect(text).toMatch(/^(|"instead"|(answer \d+\.)\2{0,2})$/);
          },
          (error: unknown) => {
            // Before a late reader came, a limit may have run out, too.
            if (leftWhile === 'reading' && caller.reads !== 'late') expectReason(error);
          },
        );
      } catch (error) {
        if (phase !== 'pending') throw error;
        if (leftWhile === 'pending') expectReason(error);
        else expect(error, 'nobody has left').not.toBe(reason);
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
    // Who left a transport that neither answers nor hears the abort has been told so, but not its observer.
    if (script.some(({ kind, deaf }) => kind === 'hang' && deaf))
      expect(settlements).toBeLessThanOrEqual(callers.length);
    else expect(settlements, 'settlements').toBe(callers.length);
    expect(vi.getTimerCount(), 'timers').toBe(0);
    const unheard = signals.filter(({ signal, listeners }) => !signal.aborted && listeners.size > 0);
    expect(unheard, 'listeners').toHaveLength(0);
    expect(
      bodies.filter(({ state }) => state === 'open').map(({ step }) => step),
      'bodies left open',
    ).toEqual([]);
    for (const policy of use) expectIdle(policy);

    // The next one finds nothing of all that in its way.
    await pass(60_000);
    heal();
    let next: unknown;
    void fetch(url, { requestId: 'another' })
      .then((response) => response.text())
      .catch((error: unknown) => error)
      .then((came) => (next = came));
    await pass(aftermath);
    expect(next, 'the next answer').toMatch(/^healthy \d+$/);
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

  /** What policies of their own account say is still under way. */
  function expectIdle(policy: Middleware): void {
    const { snapshot } = policy as { snapshot?: () => Record<string, object> };
    for (const state of Object.values(snapshot?.() ?? {})) {
      if ('running' in state) expect(state).toMatchObject({ running: 0, waiting: 0 });
      if ('inFlight' in state) expect(state).toMatchObject({ inFlight: 0 });
    }
  }

  test('settles once, obeys its caller, and leaves nothing behind', { timeout: 60_000 }, async () => {
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
  });
});
