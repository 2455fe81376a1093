/** How long to wait before a retry. */
import { delay } from '../core/options.ts';

/** ms before the `retry`-th retry, which is 1-based; `random` draws from [0, 1). */
export type Backoff = (retry: number, random: () => number) => number;

/**
 * Doubles from `base` to `cap`, with full jitter: anything from 0 to that bound, so that callers who failed
 * together do not come back together.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function exponential(base: number, cap: number): Backoff {
  delay('exponential(base)', base);
  delay('exponential(cap)', cap);
  return (retry, random) => random() * Math.min(cap, base * 2 ** Math.min(retry - 1, 1_000));
}

/** The same pause each time, without jitter. */
export function constant(ms: number): Backoff {
  delay('constant(ms)', ms);
  return () => ms;
}

/**
 * Each pause is drawn between `base` and three times the one before, at most `cap`: it spreads wider than
 * `exponential` and grows more slowly. Drawn anew for every retry, so that callers share no state.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("Decorrelated Jitter")
 */
export function decorrelated(base: number, cap: number): Backoff {
  delay('decorrelated(base)', base);
  delay('decorrelated(cap)', cap);
  return (retry, random) => {
    let ms = base;
    for (let step = 0; step < retry; step += 1) ms = Math.min(cap, base + random() * (3 * ms - base));
    return ms;
  };
}
