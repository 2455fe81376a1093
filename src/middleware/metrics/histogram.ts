/**
 * A histogram of durations in constant memory: a count for each bucket. The published buckets are wide, so quantiles come
 * from narrow ones, whose bounds grow by 4 % (Masson, Rim and Lee, "DDSketch", VLDB 2019).
 */
import { durationBuckets } from '../../telemetry/semantic-conventions.ts';

/**
 * A histogram of durations in seconds, with a count for each bucket, as OpenTelemetry and Prometheus have it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md
 */
export interface HistogramSnapshot {
  /** Upper bounds of the buckets, inclusive, seconds. One more bucket without an upper bound follows. */
  readonly bounds: readonly number[];
  /** Durations per bucket, one entry more than `bounds`. */
  readonly counts: readonly number[];
  readonly count: number;
  /** The sum of all durations, seconds. */
  readonly sum: number;
}

export interface Histogram {
  /** Counts a duration, ms. */
  add(duration: number): void;
  /** The quantile, ms, within 2 % of a duration that was added. `q` is above 0. `undefined` before the first duration. */
  quantile(q: number): number | undefined;
  snapshot(): HistogramSnapshot;
}

const bounds = durationBuckets.map((seconds) => seconds * 1_000);

const accuracy = 0.02;
const growth = (1 + accuracy) / (1 - accuracy);

export function histogram(): Histogram {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  /** By the exponent of the upper bound. A microsecond is the shortest duration, so that the number of buckets is limited. */
  const narrow = new Map<number, number>();
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = 0;

  return {
    add(duration) {
      let bucket = 0;
      while (bucket < bounds.length && duration > bounds[bucket]!) bucket += 1;
      counts[bucket]! += 1;
      const exponent = Math.ceil(Math.log(Math.max(duration, 0.001)) / Math.log(growth));
      narrow.set(exponent, (narrow.get(exponent) ?? 0) + 1);
      count += 1;
      sum += duration;
      min = Math.min(min, duration);
      max = Math.max(max, duration);
    },
    quantile(q) {
      let below = 0;
      for (const [exponent, samples] of [...narrow].sort(([a], [b]) => a - b)) {
        below += samples;
        if (below >= q * count) return Math.max(min, Math.min(max, (2 * growth ** exponent) / (growth + 1)));
      }
      return undefined;
    },
    snapshot: () => ({ bounds: durationBuckets, counts: [...counts], count, sum: sum / 1_000 }),
  };
}
