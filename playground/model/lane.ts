/** One of the two lanes, plain fetch or kyoa: makes calls with a time limit, reads their bodies, and measures them. */
import type { Fetch } from '../network/simulated-fetch.ts';
import { createDots } from './dots.ts';
import type { DotLog } from './dots.ts';
import { createMeter } from './measures.ts';
import type { Meter } from './measures.ts';
import { ImpatienceError, ofError, ofResponse } from './outcome.ts';
import type { Ending } from './outcome.ts';

export interface Lane {
  readonly meter: Meter;
  readonly dots: DotLog;
  /** Never rejects. */
  call(fetch: Fetch, url: string, init?: RequestInit): Promise<Result>;
}

export interface Result extends Ending {
  readonly response: Response | undefined;
  readonly duration: number;
}

/** How long a caller of either lane waits for the last byte of the response, ms. Then it aborts the call. */
const patience = 5_000;

/** `clock` returns ms. */
export function createLane(clock: () => number): Lane {
  const meter = createMeter(clock);
  const dots = createDots();

  return {
    meter,
    dots,
    async call(fetch, url, init) {
      const start = clock();
      const caller = new AbortController();
      const timer = setTimeout(() => caller.abort(new ImpatienceError()), patience);
      meter.begun();
      const { response, ending } = await attend(fetch, url, { ...init, signal: caller.signal });
      clearTimeout(timer);

      const duration = clock() - start;
      meter.ended(ending.outcome, duration);
      dots.push({ time: start + duration, latency: duration, outcome: ending.outcome });
      return { ...ending, response, duration };
    },
  };
}

async function attend(
  fetch: Fetch,
  url: string,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<{ readonly response: Response | undefined; readonly ending: Ending }> {
  let response: Response | undefined;
  try {
    response = await fetch(url, init);
    await response.arrayBuffer();
    return { response, ending: ofResponse(response) };
  } catch (error) {
    return { response, ending: ofError(init.signal.aborted ? init.signal.reason : error) };
  }
}
