/**
 * A limit, by p-timeout's race. The race begins when half of the limit is over: most answers have come by then, and
 * p-timeout assigns a function to a property of its promise, which V8 makes in the old space. From there it keeps all of
 * the call alive until a full collection, which made the collector's work most of what a limit cost (docs/benchmarks.md).
 */
import pTimeout from 'p-timeout';
import type { Context } from '../../core/context.ts';
import { noop } from '../../lib/noop.ts';
import { discard } from '../../lib/body/discard.ts';
import { SharedTimer, longestDelay, timersAreReal } from '../../core/engine/timers.ts';

export interface Limited {
  readonly ctx: Pick<Context, 'onAbort'>;
  readonly below: Promise<Response>;
  /** Once, with the response that is handed on. */
  readonly arrived: (response: Response) => Response;
  /** Aborts what is below, and returns why. */
  readonly expire: () => unknown;
}

/**
 * What is below, or the reason of `ctx` as soon as that is aborted, whatever is below makes of it; an answer that comes
 * too late is let go. Runs `expire` when nothing has come within `ms`.
 */
export function withTimeout(ms: number, { ctx, below, arrived, expire }: Limited): Promise<Response> {
  const race = (milliseconds: number): void => {
    pTimeout(answer, { milliseconds, fallback: () => stop(expire()) }).catch(noop); // the answer itself is its owner's to handle
  };
  const limited = ms <= longestDelay;
  const halved = limited && timersAreReal();
  let stop: (error: unknown) => void;
  const answer = new Promise<Response>((resolve, reject) => {
    let waiting = true;
    const halfway = (): void => race(Math.max(1, ms - (performance.now() - alarm!.since)));
    const alarm = halved ? new SharedTimer(ms / 2, halfway) : undefined;
    const settled = (): boolean => {
      if (!waiting) return false;
      waiting = false;
      alarm?.cancel();
      return true;
    };
    stop = (error) => {
      if (settled()) reject(error);
    };
    ctx.onAbort(stop);
    below.then(
      (response) => {
        if (!settled()) return discard(response);
        try {
          resolve(arrived(response));
        } catch (error) {
          reject(error);
        }
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
  // A test may move its timers all at once, and one that is set meanwhile would be late.
  if (limited && !halved) race(ms);
  return answer;
}
