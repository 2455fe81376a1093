/**
 * Makes the same calls at the same times through every contender. The rate is fixed and does not depend on the
 * responses, because real callers do not slow down when the server does.
 */
import { lose } from './tally.ts';
import type { Loss, Tally } from './tally.ts';

/** A `fetch` to compare. */
export interface Contender {
  readonly name: string;
  /** The first segment of the paths, which selects the lane on the flaky server. */
  readonly lane: string;
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  readonly counters: Counters;
}

export interface Counters {
  retries: number;
  /** Copies that `hedge` sent. */
  copies: number;
  /** Expired limits: those of the contender's policies, and those of its callers. */
  timeouts: number;
}

export interface Entrant {
  readonly contender: Contender;
  readonly tally: Tally;
}

export interface TrafficOptions {
  /** The URL of the flaky server, without a slash at its end. */
  readonly url: string;
  readonly entrants: readonly Entrant[];
  /** Calls a second, for each contender. */
  readonly rate: number;
  readonly seconds: number;
  /** A call without a complete response within `patience` ms is lost. */
  readonly patience: number;
  /** After an abort no more calls are started. Calls that have started are still completed. */
  readonly stop: AbortSignal;
}

/** Resolves when the last call has ended. */
export async function traffic(options: TrafficOptions): Promise<void> {
  const { url, entrants, rate, seconds, patience, stop } = options;
  const start = performance.now();
  const calls: Promise<void>[] = [];

  for (let n = 0; n < Math.round(rate * seconds) && !stop.aborted; n += 1) {
    await until(start + (n * 1_000) / rate);
    // The id is in the query. All calls have the same route, for the latency history, but dedupe shares none of them.
    for (const { contender, tally } of entrants) {
      calls.push(call(contender, `${url}/${contender.lane}/api/items?id=${n}`, patience, tally));
    }
  }
  await Promise.all(calls);
}

/** Makes one call and measures it to the last byte of the body. Never rejects. */
export async function call(contender: Contender, url: string, patience: number, tally: Tally): Promise<void> {
  const start = performance.now();
  const caller = new AbortController();
  const timer = setTimeout(leave, patience);
  tally.started += 1;

  try {
    const response = await contender.fetch(url, { signal: caller.signal });
    await response.arrayBuffer();
    if (response.ok) tally.durations.push(performance.now() - start);
    else lose(tally, response.status);
  } catch (error) {
    lose(tally, caller.signal.aborted ? 'late' : nameLoss(error));
  } finally {
    clearTimeout(timer);
  }

  function leave(): void {
    contender.counters.timeouts += 1;
    caller.abort();
  }
}

/** An open circuit is recognised by its error code, a timeout by the name that every `TimeoutError` has. */
function nameLoss(error: unknown): Loss {
  if (!(error instanceof Error)) return 'broken';
  if ('code' in error && error.code === 'CIRCUIT_OPEN') return 'circuit open';
  return error.name === 'TimeoutError' ? 'late' : 'broken';
}

function until(time: number): Promise<void> {
  const left = time - performance.now();
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve();
}
