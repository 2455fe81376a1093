/** Backoff: how long a policy waits before a retry. */
import { delay, madeBy } from '../core/options.ts';

/**
 * The delay before a retry, ms. `retry` is 1 for the first retry; `random` draws from [0, 1).
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 */
export type Backoff = (retry: number, random: () => number) => number;

/**
 * Exponential backoff with full jitter: a bound that doubles from `base` to `cap`, and a delay drawn between 0 and that
 * bound. Callers whose requests failed at the same time retry at different times.
 *
 * @example
 * ```ts
 * retry({ backoff: exponential(200, 10_000) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function exponential(base: number, cap: number): Backoff {
  delay('exponential(base)', base);
  delay('exponential(cap)', cap);
  return madeBy('exponential', [base, cap], (retry, random) => {
    return random() * Math.min(cap, base * 2 ** Math.min(retry - 1, 1_000));
  });
}

/**
 * The same delay before every retry, without jitter.
 *
 * @example
 * ```ts
 * retry({ backoff: constant(500) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 */
export function constant(ms: number): Backoff {
  delay('constant(ms)', ms);
  return madeBy('constant', [ms], () => ms);
}

/**
 * Decorrelated jitter: each delay is drawn between `base` and three times the delay before it, and is at most `cap`. The
 * delays spread wider than those of `exponential` and grow more slowly. The whole sequence is drawn anew for every
 * retry, so that calls share no state.
 *
 * @example
 * ```ts
 * retry({ backoff: decorrelated(100, 5_000) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("Decorrelated Jitter")
 */
export function decorrelated(base: number, cap: number): Backoff {
  delay('decorrelated(base)', base);
  delay('decorrelated(cap)', cap);
  return madeBy('decorrelated', [base, cap], (retry, random) => {
    let ms = base;
    for (let step = 0; step < retry; step += 1) ms = Math.min(cap, base + random() * (3 * ms - base));
    return ms;
  });
}
