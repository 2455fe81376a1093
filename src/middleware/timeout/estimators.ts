/** Estimators: from the latencies of a route to a limit. */
import { invalid, madeBy, ratio, knownKeys } from '../../core/options.ts';
import { slidingWindow, type SlidingWindow } from '../../lib/latency/sliding-window.ts';

/**
 * A function that computes a limit for `adaptive()`. From latencies to a limit, all in ms. The latencies are in the
 * order in which they were recorded. There is at least one.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#which-estimate
 */
export interface Estimate {
  (samples: readonly number[]): number;
  /** The same estimate from a window. An estimate by rank has it, since a window keeps its samples sorted. */
  readonly fromWindow?: (window: SlidingWindow) => number;
}

/**
 * An estimate for `adaptive()`. Mean plus `k` sample standard deviations. The deviation of a single sample is 0.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * timeout({ headers: adaptive({ estimate: meanPlusDeviation(3) }) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#which-estimate
 */
export function meanPlusDeviation(k: number): Estimate {
  if (typeof k !== 'number' || !(k >= 0)) throw invalid('meanPlusDeviation(k)', k, 'a number of 0 or more');
  return madeBy('meanPlusDeviation', [k], (samples) => {
    const mean = sum(samples) / samples.length;
    if (samples.length === 1) return mean;
    const squares = sum(samples.map((sample) => (sample - mean) ** 2));
    return mean + k * Math.sqrt(squares / (samples.length - 1));
  });
}

/**
 * An estimate for `adaptive()`. The `q`-quantile (nearest rank) times `factor`.
 *
 * @default factor 1.5
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * timeout({ headers: adaptive({ estimate: quantile(0.99, { factor: 2 }) }) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#which-estimate
 */
export function quantile(q: number, options: { readonly factor?: number } = {}): Estimate {
  ratio('quantile(q)', q);
  const { factor = 1.5 } = knownKeys('quantile', options, ['factor']);
  if (typeof factor !== 'number' || !(factor > 0)) throw invalid('quantile factor', factor, 'a number above 0');
  const fromWindow = (window: SlidingWindow): number => factor * window.quantile(q)!;
  const estimate = (samples: readonly number[]): number => {
    const window = slidingWindow(samples.length);
    for (const sample of samples) window.add(sample);
    return fromWindow(window);
  };
  return madeBy('quantile', [q, { factor }], Object.assign(estimate, { fromWindow }));
}

/** The granularity of the clock, G in RFC 6298, ms. */
const granularity = 1;

/**
 * An estimate for `adaptive()`. TCP's retransmission timeout: smoothed latency plus four times its smoothed variation.
 * It follows a trend, and a spike fades within a dozen calls. In place of the RFC's lower bound of one second,
 * `adaptive` has `min`.
 *
 * @example
 * ```ts
 * timeout({ headers: adaptive({ estimate: rto() }) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#which-estimate
 * @see RFC 6298 §2
 */
export function rto(): Estimate {
  return madeBy('rto', [], ([first, ...others]) => {
    let smoothed = first!;
    let variation = smoothed / 2;
    for (const sample of others) {
      variation += (Math.abs(smoothed - sample) - variation) / 4;
      smoothed += (sample - smoothed) / 8;
    }
    return smoothed + Math.max(granularity, 4 * variation);
  });
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
