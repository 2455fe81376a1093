/**
 * The reference of the benchmarks: a GET of JSON with most of what kyoa's standard stack does, written by hand as one
 * closure. It has two timeouts, retries with backoff, a retry budget and `Retry-After`, deduplication, a circuit breaker
 * and the caller's signal. It has no layers, options, overrides or events, and no idempotency. Everything that can be
 * omitted without losing one of its features is omitted, so its cost is about the least that these features can have.
 *
 * A call passes, from the outside to the inside: `get` (deduplication), `call` (total timeout), `withRetries`,
 * `throughBreaker` and `attempt` (timeout for the headers, then fetch).
 */
type GetJson = (url: string, signal?: AbortSignal) => Promise<unknown>;

/** A request in flight. All calls for its URL share it until its body has been parsed. */
interface Flight {
  readonly json: Promise<unknown>;
  readonly controller: AbortController;
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

export function handFused(): GetJson {
  const flights = new Map<string, Flight>();
  const circuits = new Map<string, Circuit>();
  /** A token bucket for retries, shared by all calls: each call adds 0.2 of a retry, up to 100. */
  let budget = 100;

  return async function get(url, signal) {
    signal?.throwIfAborted();
    let flight = flights.get(url);
    if (flight === undefined) {
      const controller = new AbortController();
      const json = call(url, controller).finally(() => flights.delete(url));
      flights.set(url, (flight = { json, controller, sharers: 0 }));
    }
    flight.sharers += 1;
    return signal === undefined ? flight.json : withSignal(flight, signal);
  };

  /** One request with its retries, to the last byte of the body, within the total timeout. */
  async function call(url: string, controller: AbortController): Promise<unknown> {
    const deadline = performance.now() + total;
    const expire = (): void => controller.abort(new DOMException(`No response within ${total} ms`, 'TimeoutError'));
    const timer = setTimeout(expire, total);
    budget = Math.min(100, budget + 0.2);
    try {
      const response = await withRetries(url, controller.signal, deadline);
      return await response.json();
    } finally {
      clearTimeout(timer);
    }
  }

  /** The last outcome is the result: a response is returned even if its status is an error, and an error is thrown. */
  async function withRetries(url: string, signal: AbortSignal, deadline: number): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      let response: Response | undefined;
      let failure: unknown;
      try {
        response = await throughBreaker(url, signal);
        if (!transient.has(response.status)) return response;
      } catch (error) {
        failure = error;
      }
      const wait = delayBefore(attempt, response);
      // A retry that would start after the deadline is not worth the wait.
      const isLast = attempt > retries || budget < 1 || signal.aborted || performance.now() + wait >= deadline;
      if (isLast || wait > longestRetryAfter) {
        if (response !== undefined) return response;
        throw failure;
      }
      budget -= 1;
      await response?.body?.cancel(); // an unread body would keep its connection
      await sleep(wait, signal);
    }
  }

  /** Rejects at once while the circuit of the origin is open. */
  async function throughBreaker(url: string, signal: AbortSignal): Promise<Response> {
    const { origin } = new URL(url);
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
      const response = await attempt(url, signal);
      if (response.status >= 500) countFailure(circuit);
      else circuit.openUntil = 0;
      return response;
    } catch (error) {
      // Only the caller and the total timeout abort this signal, and neither counts as a failure of the server. A timeout
      // of the attempt does not abort it, and counts.
      if (!signal.aborted) countFailure(circuit);
      throw error;
    }
  }

  /** One fetch, with the timeout for its headers. */
  async function attempt(url: string, signal: AbortSignal): Promise<Response> {
    const controller = new AbortController();
    const follow = (): void => controller.abort(signal.reason);
    // The listener is not removed: it must also abort the body. The signal and its listeners end with the call.
    signal.addEventListener('abort', follow);
    const expire = (): void => controller.abort(new DOMException(`No headers within ${headers} ms`, 'TimeoutError'));
    const timer = setTimeout(expire, headers);
    try {
      return await fetch(url, { signal: controller.signal });
    } finally {
      clearTimeout(timer);
    }
  }
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
      if (flight.sharers === 0) flight.controller.abort(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    // A signal that outlives the call must not keep its listener.
    flight.json.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
