/**
 * The yardstick: what the standard stack does for a GET of JSON, written by hand as one closure. Two limits, retries
 * with backoff, budget and Retry-After, deduplication, a circuit breaker, and the caller's signal; no layers, options,
 * overrides or events, and whatever may be left out without losing a feature is left out.
 */
type Json = (url: string, signal?: AbortSignal) => Promise<unknown>;

/** One request for all who ask meanwhile. */
interface Flight {
  readonly answer: Promise<unknown>;
  readonly work: AbortController;
  sharers: number;
}

interface Circuit {
  calls: number;
  failures: number;
  windowEnds: number;
  /** Closed at 0. */
  openUntil: number;
}

const total = 30_000;
const headers = 10_000;
const retries = 3;
const longestRetryAfter = 60_000;
const window = 10_000;
const volume = 20;
const cooldown = 2_000;
const transient = new Set([408, 429, 500, 502, 503, 504]);

export function handFused(): Json {
  const flights = new Map<string, Flight>();
  const circuits = new Map<string, Circuit>();
  let budget = 100;

  return async (url, signal) => {
    signal?.throwIfAborted();
    let flight = flights.get(url);
    if (flight === undefined) {
      const work = new AbortController();
      const answer = call(url, work).finally(() => flights.delete(url));
      flights.set(url, (flight = { answer, work, sharers: 0 }));
    }
    flight.sharers += 1;
    return signal === undefined ? flight.answer : underSignal(flight, signal);
  };

  async function call(url: string, work: AbortController): Promise<unknown> {
    const deadline = performance.now() + total;
    const timer = setTimeout(() => work.abort(new DOMException(`No answer within ${total} ms`, 'TimeoutError')), total);
    budget = Math.min(100, budget + 0.2);
    try {
      const response = await withRetries(url, work.signal, deadline);
      return await response.json();
    } finally {
      clearTimeout(timer);
    }
  }

  async function withRetries(url: string, signal: AbortSignal, deadline: number): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      let response: Response | undefined;
      let failure: unknown;
      try {
        response = await behindBreaker(url, signal);
        if (!transient.has(response.status)) return response;
      } catch (error) {
        failure = error;
      }
      const wait = pauseBefore(attempt, response);
      const isLast = attempt > retries || budget < 1 || signal.aborted || performance.now() + wait >= deadline;
      if (isLast || wait > longestRetryAfter) {
        if (response !== undefined) return response;
        throw failure;
      }
      budget -= 1;
      await response?.body?.cancel();
      await sleep(wait, signal);
    }
  }

  async function behindBreaker(url: string, signal: AbortSignal): Promise<Response> {
    const { origin } = new URL(url);
    const now = performance.now();
    let circuit = circuits.get(origin);
    if (circuit === undefined) circuits.set(origin, (circuit = { calls: 0, failures: 0, windowEnds: 0, openUntil: 0 }));
    if (now < circuit.openUntil) throw new Error(`The circuit of ${origin} is open`);
    if (circuit.openUntil !== 0) circuit.openUntil = now + cooldown; // this one is the probe
    if (now > circuit.windowEnds) Object.assign(circuit, { calls: 0, failures: 0, windowEnds: now + window });
    circuit.calls += 1;
    try {
      const response = await attempt(url, signal);
      if (response.status >= 500) fail(circuit);
      else circuit.openUntil = 0;
      return response;
    } catch (error) {
      if (!signal.aborted) fail(circuit);
      throw error;
    }
  }

  async function attempt(url: string, signal: AbortSignal): Promise<Response> {
    const own = new AbortController();
    const leave = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', leave); // stays for the body, and ends with the call
    const expire = (): void => own.abort(new DOMException(`No headers within ${headers} ms`, 'TimeoutError'));
    const timer = setTimeout(expire, headers);
    try {
      return await fetch(url, { signal: own.signal });
    } finally {
      clearTimeout(timer);
    }
  }
}

function fail(circuit: Circuit): void {
  circuit.failures += 1;
  const trips = circuit.openUntil !== 0 || (circuit.calls >= volume && circuit.failures / circuit.calls >= 0.5);
  if (trips) circuit.openUntil = performance.now() + cooldown;
}

/** Full jitter. */
function pauseBefore(retry: number, response: Response | undefined): number {
  const asked = Number(response?.headers.get('retry-after') ?? NaN) * 1_000;
  return Number.isNaN(asked) ? Math.random() * Math.min(10_000, 200 * 2 ** (retry - 1)) : asked;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, ms);
    signal.addEventListener('abort', leave, { once: true });
  });
}

/** Whoever leaves goes alone; the last one takes the request along. */
function underSignal(flight: Flight, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason);
      flight.sharers -= 1;
      if (flight.sharers === 0) flight.work.abort(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    flight.answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
