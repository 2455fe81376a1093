/** Durations in constant memory: how many fell into each bucket. */
import { durationBuckets } from '../../telemetry/semantic-conventions.ts';

export interface HistogramSnapshot {
  /** Upper bounds of the buckets, inclusive; of the last one, beyond them, there is none. Seconds. */
  readonly bounds: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly count: number;
  /** Seconds. */
  readonly sum: number;
}

export interface Histogram {
  /** ms */
  add(duration: number): void;
  /**
   * ms, by linear interpolation within the bucket, as `histogram_quantile` of Prometheus, but within what was seen: the
   * error is below the width of the bucket. `q` is above 0. `undefined` before there is anything.
   */
  quantile(q: number): number | undefined;
  snapshot(): HistogramSnapshot;
}

const bounds = durationBuckets.map((seconds) => seconds * 1_000);

export function histogram(): Histogram {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  let count = 0;
  let sum = 0;
  let least = Infinity;
  let most = 0;

  return {
    add(duration) {
      let bucket = 0;
      while (bucket < bounds.length && duration > bounds[bucket]!) bucket += 1;
      counts[bucket]! += 1;
      count += 1;
      sum += duration;
      least = Math.min(least, duration);
      most = Math.max(most, duration);
    },
    quantile(q) {
      if (count === 0) return undefined;
      const rank = q * count;
      let below = 0;
      let bucket = 0;
      while (bucket < bounds.length && below + counts[bucket]! < rank) below += counts[bucket++]!;
      const from = Math.max(least, bounds[bucket - 1] ?? 0);
      const to = Math.min(most, bounds[bucket] ?? Infinity);
      return from + (to - from) * Math.min(1, (rank - below) / counts[bucket]!);
    },
    snapshot: () => ({ bounds: durationBuckets, counts: [...counts], count, sum: sum / 1_000 }),
  };
}
