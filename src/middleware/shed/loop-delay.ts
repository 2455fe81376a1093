/** How long requests wait for a busy event loop, and which of them have waited too long. */
import { afterUnref } from '../../core/engine/timers.ts';

export interface DelayBounds {
  /** ms that a request may always wait. */
  readonly target: number;
  /** How far back the rest of the loop counts, ms. */
  readonly interval: number;
}

export interface LoopDelay {
  /**
   * Whether the request that has just arrived has waited too long. It may wait for as long as a request takes, `latency` ms,
   * if that is longer than the bound. An urgent one may always wait for `interval`.
   */
  isTooLong(latency: number, isUrgent: boolean): boolean;
  /** ms since the present turn of the loop began, as far as requests have shown it. */
  readonly current: number;
}

/**
 * Bounds the queue that every server in JavaScript has: requests that have arrived while other code runs. A timer shows the
 * end of a turn of the event loop. Under synchronous load no timer fires, so each request compares the clock with the time
 * at which the timer was set. Without requests there is no timer.
 *
 * A request may wait for as long as the loop has rested in the last `interval`, and at least for `target`. So a burst is
 * served after a quiet time. CoDel has only the two bounds, and takes the longer one when the queue has been empty once; here
 * it would be empty all the time, because refusals are quick.
 *
 * @see https://queue.acm.org/detail.cfm?id=2839461 (Fail at Scale, 2015), and RFC 8289 for CoDel; 5 and 100 ms are their numbers
 */
export function loopDelay({ target, interval }: DelayBounds): LoopDelay {
  /** When the first request of the present turn came. */
  let began: number | undefined;
  let lastBegan = performance.now();
  let ended = lastBegan;
  /** How long the loop has rested lately, ms; what lies `interval` back counts 37 %. */
  let rest = interval;

  const endTurn = (): void => {
    ended = performance.now();
    began = undefined;
  };
  return {
    isTooLong(latency, isUrgent) {
      const now = performance.now();
      if (began === undefined) {
        rest = Math.min(interval, rest * Math.exp((lastBegan - now) / interval) + now - ended);
        began = lastBegan = now;
        afterUnref(0, endTurn);
      }
      const bound = isUrgent ? interval : Math.max(target, rest);
      return now - began > Math.max(latency, bound);
    },
    get current() {
      return began === undefined ? 0 : performance.now() - began;
    },
  };
}
