/** From a route's latencies to the latency to reckon with. */
import { invalid, ratio, knownKeys } from '../../core/options.ts';
import { rank, type SlidingWindow } from '../../lib/latency/sliding-window.ts';

/** ms, from latencies in ms, oldest first; there is at least one. */
export interface Estimate {
  (samples: readonly number[]): number;
  /** The same from a window, for an estimate that goes by rank: the window is in order already. */
  readonly fromWindow?: (window: SlidingWindow) => number;
}

/**
 * Mean plus `k` sample standard deviations: the customary formula. A single sample has no deviation.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function meanPlusDeviation(k: number): Estimate {
  if (typeof k !== 'number' || !(k >= 0)) throw invalid('meanPlusDeviation(k)', k, 'a number of 0 or more');
  return (samples) => {
    const mean = sum(samples) / samples.length;
    if (samples.length === 1) return mean;
    const squares = sum(samples.map((sample) => (sample - mean) ** 2));
    return mean + k * Math.sqrt(squares / (samples.length - 1));
  };
}

/**
 * The `q`-quantile (nearest rank) times `factor`, which is the room left above it. @default factor 1.5
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function quantile(q: number, options: { readonly factor?: number } = {}): Estimate {
  ratio('quantile(q)', q);
  const { factor = 1.5 } = knownKeys('quantile', options, ['factor']);
  if (typeof factor !== 'number' || !(factor > 0)) throw invalid('quantile factor', factor, 'a number above 0');
  return Object.assign((samples: readonly number[]) => factor * rank([...samples].sort(ascending), q, samples.length), {
    fromWindow: (window: SlidingWindow) => factor * window.quantile(q)!,
  });
}

/** The clock's granularity, G in RFC 6298, ms. */
const granularity = 1;

/**
 * TCP's retransmission timeout, from the smoothed latency and its variation: it follows a trend and forgets a spike
 * within a dozen calls. The RFC's floor of a second is the `min` of `adaptive`.
 *
 * @see RFC 6298 §2
 */
export function rto(): Estimate {
  return ([first, ...others]) => {
    let smoothed = first!;
    let variation = smoothed / 2;
    for (const sample of others) {
      variation += (Math.abs(smoothed - sample) - variation) / 4;
      smoothed += (sample - smoothed) / 8;
    }
    return smoothed + Math.max(granularity, 4 * variation);
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
