/** How long requests wait for a busy event loop, and which of them have waited too long. */
import { afterUnref } from '../../core/engine/timers.ts';

export interface DelayBounds {
  /** ms that a request may wait while there is a queue that does not end. */
  readonly target: number;
  /** ms that it may wait at any time. A queue does not end if for so long no turn of the loop was within `target`. */
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
 * CoDel on the queue that every server in JavaScript has: requests that have arrived while other code runs. A timer shows
 * the end of a turn of the event loop. Under synchronous load no timer fires, so each request compares the clock with the
 * time at which the timer was set. Without requests there is no timer.
 *
 * @see https://queue.acm.org/detail.cfm?id=2839461 (Fail at Scale, 2015): a wait of 5 ms is allowed if there was a queue for
 * 100 ms, and one of 100 ms otherwise; RFC 8289 for CoDel itself, whose numbers these are
 */
export function loopDelay({ target, interval }: DelayBounds): LoopDelay {
  /** When the first request of the present turn came. */
  let began: number | undefined;
  let ended = -Infinity;
  /** When there was no queue for the last time. */
  let lastEmpty = -Infinity;

  const endTurn = (): void => {
    ended = performance.now();
    if (ended - began! <= target) lastEmpty = ended;
    began = undefined;
  };
  return {
    isTooLong(latency, isUrgent) {
      const now = performance.now();
      if (began === undefined) {
        began = now;
        if (now - ended > target) lastEmpty = now; // the loop had time for others
        afterUnref(0, endTurn);
      }
      const hasQueue = now - lastEmpty > interval;
      return now - began > Math.max(latency, hasQueue && !isUrgent ? target : interval);
    },
    get current() {
      return began === undefined ? 0 : performance.now() - began;
    },
  };
}
