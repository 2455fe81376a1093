/** A histogram of durations in constant memory: a count for each bucket. */
import { durationBuckets } from '../../telemetry/semantic-conventions.ts';

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
  /**
   * The quantile, ms, by linear interpolation within the bucket, as `histogram_quantile` of Prometheus does, but within
   * the range of the durations: the error is below the width of the bucket. `q` is above 0. `undefined` before the
   * first duration.
   */
  quantile(q: number): number | undefined;
  snapshot(): HistogramSnapshot;
}

const bounds = durationBuckets.map((seconds) => seconds * 1_000);

export function histogram(): Histogram {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = 0;

  return {
    add(duration) {
      let bucket = 0;
      while (bucket < bounds.length && duration > bounds[bucket]!) bucket += 1;
      counts[bucket]! += 1;
      count += 1;
      sum += duration;
      min = Math.min(min, duration);
      max = Math.max(max, duration);
    },
    quantile(q) {
      if (count === 0) return undefined;
      const rank = q * count;
      let lower = 0;
      let bucket = 0;
      while (bucket < bounds.length && lower + counts[bucket]! < rank) lower += counts[bucket++]!;
      const from = Math.max(min, bounds[bucket - 1] ?? 0);
      const to = Math.min(max, bounds[bucket] ?? Infinity);
      return from + (to - from) * Math.min(1, (rank - lower) / counts[bucket]!);
    },
    snapshot: () => ({ bounds: durationBuckets, counts: [...counts], count, sum: sum / 1_000 }),
  };
}
