/**
 * A limit, by p-timeout's race. The race begins when half of the limit is over: most answers have come by then, and
 * p-timeout assigns a function to a property of its promise, which V8 makes in the old space. From there it keeps all of
 * the call alive until a full collection, which made the collector's work most of what a limit cost (docs/benchmarks.md).
 */
import pTimeout from 'p-timeout';
import { ignore } from './body.ts';
import { after, longestDelay, type Timer } from './timer.ts';

/**
 * Runs `expire` when the answer has not settled within `ms`. The timer is its caller's to clear when it has; `undefined`
 * for a limit that never runs out.
 */
export function within(ms: number, answer: Promise<unknown>, expire: () => void): Timer {
  if (ms > longestDelay) return undefined;
  const started = performance.now();
  return after(ms / 2, () => {
    const milliseconds = Math.max(1, ms - (performance.now() - started));
    pTimeout(answer, { milliseconds, fallback: expire }).catch(ignore); // the answer itself is handled by its owner
  });
}
