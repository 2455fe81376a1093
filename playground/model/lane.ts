/** One of the two lanes, plain fetch or kyoa: makes calls with a time limit, reads their bodies, and measures them. */
import type { Middleware } from 'kyoa';
import type { Fetch } from '../network/simulated-fetch.ts';
import { createDots } from './dots.ts';
import type { DotLog } from './dots.ts';
import { createMeter } from './measures.ts';
import type { Meter } from './measures.ts';
import { ImpatienceError, LeftError, ofError, ofResponse } from './outcome.ts';
import type { Ending } from './outcome.ts';

export interface Lane {
  /** The figures since `restart`. */
  readonly meter: Meter;
  readonly dots: DotLog;
  /** Starts the figures again. A call that has begun counts in the figures of before. */
  restart(): void;
  /** Never rejects. `read` reads the body to its end. */
  call(fetch: Fetch, url: string, init?: RequestInit, read?: ReadBody): Promise<Result>;
  /** Aborts the calls that are running. */
  leave(): void;
}

export type ReadBody = (response: Response) => Promise<string>;

export interface Result extends Ending {
  readonly response: Response | undefined;
  readonly duration: number;
  /** The body as text; `undefined` if it was not read to its end. */
  readonly text: string | undefined;
}

/** How long a caller of either lane waits for the last byte of the response, ms. Then it aborts the call. */
const patience = 5_000;

/** `clock` returns ms. `endingOf` classifies the responses. */
export function createLane(clock: () => number, endingOf: (response: Response) => Ending = ofResponse): Lane {
  let current = createMeter(clock);
  const dots = createDots();
  const callers = new Set<AbortController>();

  return {
    get meter() {
      return current;
    },
    dots,
    restart() {
      current = createMeter(clock);
    },
    async call(fetch, url, init, read = (response) => response.text()) {
      const meter = current;
      const caller = new AbortController();
      const { signal } = caller;
      const timer = setTimeout(() => caller.abort(new ImpatienceError()), patience);
      callers.add(caller);
      const begun = meter.begun();
      const { response, text, ending } = await attend(() => fetch(url, { ...init, signal }), signal, read, endingOf);
      clearTimeout(timer);
      callers.delete(caller);

      const duration = meter.ended(begun, ending.outcome);
      if (!isUnjudged(ending)) dots.push({ time: clock(), latency: duration, outcome: ending.outcome });
      return { ...ending, response, text, duration };
    },
    leave() {
      for (const caller of callers) caller.abort(new LeftError());
    },
  };
}

/** No caller waits for the response of such a call, so it has no place among the latencies. */
function isUnjudged({ outcome }: Ending): boolean {
  return outcome === 'replaced' || outcome === 'left';
}

async function attend(
  send: () => Promise<Response>,
  signal: AbortSignal,
  read: ReadBody,
  endingOf: (response: Response) => Ending,
): Promise<Pick<Result, 'response' | 'text'> & { readonly ending: Ending }> {
  let response: Response | undefined;
  try {
    response = await send();
    const text = await read(response);
    return { response, text, ending: endingOf(response) };
  } catch (error) {
    return { response, text: undefined, ending: ofError(signal.aborted ? signal.reason : error) };
  }
}

/** Counts the requests of a lane in its present figures. */
export function countedBy({ meter }: Lane): Middleware {
  return async function sent(_ctx, next) {
    meter.sent();
    return next();
  };
}
