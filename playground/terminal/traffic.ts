/**
 * Sends every contender the same calls at the same moments, at a fixed rate that waits for nobody: callers
 * in the wild do not slow down because the server did.
 */
import { lose } from './tally.ts';
import type { Loss, Tally } from './tally.ts';

/** A way to fetch. */
export interface Contender {
  readonly name: string;
  /** The first segment of its paths: its lane on the flaky server. */
  readonly lane: string;
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  readonly counters: Counters;
}

export interface Counters {
  retries: number;
  /** Limits that ran out: its own, and its callers' patience. */
  timeouts: number;
}

export interface Entrant {
  readonly contender: Contender;
  readonly tally: Tally;
}

export interface TrafficOptions {
  /** The flaky server's, without a slash at its end. */
  readonly url: string;
  readonly entrants: readonly Entrant[];
  /** Calls a second, for each contender. */
  readonly rate: number;
  readonly seconds: number;
  /** ms; a call without a whole answer by then is lost. */
  readonly patience: number;
  /** Begins no more calls once it aborts; those under way run to their end. */
  readonly stop: AbortSignal;
}

/** Resolves when the last call is over. */
export async function traffic(options: TrafficOptions): Promise<void> {
  const { url, entrants, rate, seconds, patience, stop } = options;
  const start = performance.now();
  const calls: Promise<void>[] = [];

  for (let n = 0; n < Math.round(rate * seconds) && !stop.aborted; n += 1) {
    await until(start + (n * 1_000) / rate);
    // The id is in the query: one route, whose latencies can be learned, but no two equal calls to be shared.
    for (const { contender, tally } of entrants) {
      calls.push(call(contender, `${url}/${contender.lane}/api/items?id=${n}`, patience, tally));
    }
  }
  await Promise.all(calls);
}

/** One call, measured to the last byte of its body; never rejects. */
export async function call(contender: Contender, url: string, patience: number, tally: Tally): Promise<void> {
  const start = performance.now();
  const enough = new AbortController();
  const timer = setTimeout(giveUp, patience);
  tally.started += 1;

  try {
    const response = await contender.fetch(url, { signal: enough.signal });
    await response.arrayBuffer();
    if (response.ok) tally.durations.push(performance.now() - start);
    else lose(tally, response.status);
  } catch (error) {
    lose(tally, enough.signal.aborted ? 'late' : nameLoss(error));
  } finally {
    clearTimeout(timer);
  }

  function giveUp(): void {
    contender.counters.timeouts += 1;
    enough.abort();
  }
}

/** An open breaker is told by its code, a limit by the name that every timeout carries. */
function nameLoss(error: unknown): Loss {
  if (!(error instanceof Error)) return 'broken';
  if ('code' in error && error.code === 'CIRCUIT_OPEN') return 'circuit open';
  return error.name === 'TimeoutError' ? 'late' : 'broken';
}

function until(time: number): Promise<void> {
  const left = time - performance.now();
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve();
}
