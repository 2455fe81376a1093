/** Latencies in log-linear buckets, as HdrHistogram has them, and in coarse bins for a picture. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** In ms. All are 0 without a call. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const HOUR = 3_600_000_000; // us

/** Latencies of 1 us to 1 h. `figures` significant digits stay. */
export class Latencies {
  readonly #histogram: RecordableHistogram;

  constructor(figures: 2 | 3 = 3) {
    this.#histogram = createHistogram({ lowest: 1, highest: HOUR, figures });
  }

  get count(): number {
    return this.#histogram.count;
  }

  record(ms: number): void {
    this.#histogram.record(Math.min(HOUR, Math.max(1, Math.round(ms * 1_000))));
  }

  /** `q` is 0..1. */
  quantile(q: number): number {
    return this.count === 0 ? 0 : this.#histogram.percentile(q * 100) / 1_000;
  }

  percentiles(): Percentiles {
    const max = this.count === 0 ? 0 : this.#histogram.max / 1_000;
    const at = (q: number): number => Math.min(max, this.quantile(q));
    return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max };
  }

  reset(): void {
    this.#histogram.reset();
  }
}

/** Ten bins a decade, from 10 us. */
export const binsPerDecade = 10;
export const lowestBin = 0.01; // ms
const binCount = 7 * binsPerDecade; // to 100 s

export class Bins {
  readonly counts: number[] = Array.from({ length: binCount }, () => 0);

  record(ms: number): void {
    const index = Math.floor(Math.log10(Math.max(ms, lowestBin) / lowestBin) * binsPerDecade);
    this.counts[Math.min(index, binCount - 1)]! += 1;
  }
}
