/**
 * The reference of the benchmarks: most of what kyoa's standard stack does, written by hand as one closure. It has two
 * timeouts, retries with backoff, a retry budget and `Retry-After`, deduplication, a circuit breaker and the caller's signal.
 * It has no layers, options, overrides or events, and no idempotency. It does not return the Response: the caller passes a
 * function that reads it, at whose end the call ends. Everything that can be omitted without losing one of its features is
 * omitted, so its cost is about the least that these features can have.
 *
 * A call passes, from the outside to the inside: `shared` (deduplication), `call` (total timeout, the caller's signal),
 * `withRetries`, `throughBreaker` and `attempt` (timeout for the headers, then fetch).
 */
import { lengthOf } from './clients.ts';
import type { Client, Init } from './shapes.ts';

type Read<T> = (response: Response) => Promise<T>;

/** What aborts a call: its total timeout, its caller's signal, or the last caller that shares it. */
class Work {
  aborted = false;
  /** That of the present attempt. A timeout of the attempt aborts it, and the call goes on with a new one. */
  controller = new AbortController();

  abort(reason: unknown): void {
    this.aborted = true;
    this.controller.abort(reason);
  }
}

/** A request in flight. All calls for its URL share it until its body has been parsed. */
interface Flight {
  readonly json: Promise<unknown>;
  readonly work: Work;
  /** How many callers have joined and have not aborted. The request is aborted when this becomes 0. */
  sharers: number;
}

/** The circuit breaker of one origin, with a fixed window. */
interface Circuit {
  calls: number;
  failures: number;
  windowEnds: number;
  /** 0: the circuit is closed. In the future: it is open. In the past: it is half-open, and the next call is a probe. */
  openUntil: number;
}

// Times are in ms. The values are those of `standard()`, whose limit for the headers is adaptive and at most this one.
const total = 30_000;
const headers = 10_000;
const retries = 3;
const longestRetryAfter = 60_000;
const window = 10_000;
/** The circuit stays closed as long as the window has fewer calls. */
const volume = 20;
const cooldown = 2_000;
const transient = new Set([408, 429, 500, 502, 503, 504]);

export function handFused(): Client {
  const flights = new Map<string, Flight>();
  const circuits = new Map<string, Circuit>();
  /** A token bucket for retries, shared by all calls: each call adds 0.2 of a retry, up to 100. */
  let budget = 100;

  const parse: Read<unknown> = (response) => response.json();
  const length: Read<number> = (response) => lengthOf(response.body!);
  return {
    json(input, init) {
      // The key is the URL, so a call is shared only if nothing else identifies it.
      const isBare = typeof input === 'string' && !(init && (init.method || init.headers || init.body));
      return isBare ? shared(input, init?.signal) : call(input, init, parse);
    },
    // A body that is read as it arrives has one reader.
    read: (url) => call(url, undefined, length),
  };

  async function shared(url: string, signal: AbortSignal | undefined): Promise<unknown> {
    signal?.throwIfAborted();
    let flight = flights.get(url);
    if (flight === undefined) {
      const work = new Work();
      const json = call(url, undefined, parse, work).finally(() => flights.delete(url));
      flights.set(url, (flight = { json, work, sharers: 0 }));
    }
    flight.sharers += 1;
    return signal === undefined ? flight.json : withSignal(flight, signal);
  }

  /** One request with its retries, to the last byte of the body, within the total timeout. */
  async function call<T>(
    input: string | Request,
    init: Init | undefined,
    read: Read<T>,
    work: Work = new Work(),
  ): Promise<T> {
    const signal = init?.signal ?? (typeof input === 'string' ? undefined : input.signal);
    signal?.throwIfAborted();
    const follow = (): void => work.abort(signal!.reason);
    signal?.addEventListener('abort', follow);
    const deadline = performance.now() + total;
    const expire = (): void => work.abort(new DOMException(`No response within ${total} ms`, 'TimeoutError'));
    const timer = setTimeout(expire, total);
    budget = Math.min(100, budget + 0.2);
    try {
      return await read(await withRetries(input, init, work, deadline));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', follow); // the signal may outlive the call
    }
  }

  /** The last outcome is the result: a response is returned even if its status is an error, and an error is thrown. */
  async function withRetries(
    input: string | Request,
    init: Init | undefined,
    work: Work,
    deadline: number,
  ): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      let response: Response | undefined;
      let failure: unknown;
      try {
        response = await throughBreaker(input, init, work);
        if (!transient.has(response.status)) return response;
      } catch (error) {
        failure = error;
      }
      const wait = delayBefore(attempt, response);
      // A retry that would start after the deadline is not worth the wait.
      const isLast = attempt > retries || budget < 1 || work.aborted || performance.now() + wait >= deadline;
      if (isLast || wait > longestRetryAfter || methodOf(input, init) !== 'GET') {
        if (response !== undefined) return response;
        throw failure;
      }
      budget -= 1;
      work.controller = new AbortController();
      await response?.body?.cancel(); // an unread body would keep its connection
      await sleep(wait, work.controller.signal);
    }
  }

  /** Rejects at once while the circuit of the origin is open. */
  async function throughBreaker(input: string | Request, init: Init | undefined, work: Work): Promise<Response> {
    const { origin } = new URL(typeof input === 'string' ? input : input.url);
    const now = performance.now();
    let circuit = circuits.get(origin);
    if (circuit === undefined) circuits.set(origin, (circuit = { calls: 0, failures: 0, windowEnds: 0, openUntil: 0 }));
    if (now < circuit.openUntil) throw new Error(`The circuit of ${origin} is open`);
    // The cooldown is over, so this call is the probe. For all other calls the circuit stays open for another cooldown:
    // a probe that hangs is followed by the next probe without any timer.
    if (circuit.openUntil !== 0) circuit.openUntil = now + cooldown;
    if (now > circuit.windowEnds) Object.assign(circuit, { calls: 0, failures: 0, windowEnds: now + window });
    circuit.calls += 1;
    try {
      const response = await attempt(input, init, work);
      if (response.status >= 500) countFailure(circuit);
      else circuit.openUntil = 0;
      return response;
    } catch (error) {
      // Only the caller and the total timeout abort the work, and neither counts as a failure of the server. A timeout of
      // the attempt does not abort it, and counts.
      if (!work.aborted) countFailure(circuit);
      throw error;
    }
  }

  /** One fetch, with the timeout for its headers. */
  async function attempt(input: string | Request, init: Init | undefined, { controller }: Work): Promise<Response> {
    const expire = (): void => controller.abort(new DOMException(`No headers within ${headers} ms`, 'TimeoutError'));
    const timer = setTimeout(expire, headers);
    const { signal } = controller;
    try {
      return await fetch(input, init === undefined ? { signal } : { ...init, signal });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Only a GET is sent again. */
function methodOf(input: string | Request, init: Init | undefined): string {
  return init?.method ?? (typeof input === 'string' ? 'GET' : input.method);
}

/** Opens the circuit after a failed probe, or when at least half of the calls in the window have failed. */
function countFailure(circuit: Circuit): void {
  circuit.failures += 1;
  const opens = circuit.openUntil !== 0 || (circuit.calls >= volume && circuit.failures / circuit.calls >= 0.5);
  if (opens) circuit.openUntil = performance.now() + cooldown;
}

/** `Retry-After` in seconds if the response has it, otherwise exponential backoff with full jitter. `retry` is 1-based. */
function delayBefore(retry: number, response: Response | undefined): number {
  const retryAfter = Number(response?.headers.get('retry-after') ?? NaN) * 1_000;
  return Number.isNaN(retryAfter) ? Math.random() * Math.min(10_000, 200 * 2 ** (retry - 1)) : retryAfter;
}

/** Rejects with the signal's reason as soon as the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * One caller's view of a shared request. If the caller's signal aborts, only this caller rejects, and the others are not
 * affected. The request itself is aborted when the last of its callers has aborted. A caller without a signal never
 * leaves.
 */
function withSignal(flight: Flight, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason);
      flight.sharers -= 1;
      if (flight.sharers === 0) flight.work.abort(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    // A signal that outlives the call must not keep its listener.
    flight.json.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
