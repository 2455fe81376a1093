/** A limit that is learnt from the latency history of the route, for any limit of `timeout`. */
import type { Context } from '../../core/context.ts';
import { count, duration, fn, invalid, knownKeys } from '../../core/options.ts';
import { meanPlusDeviation, type Estimate } from './estimators.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { latencyHistory, type Series } from '../../lib/latency/history.ts';

export interface AdaptiveOptions {
  /** The limit is never shorter, ms. @default 500 */
  readonly min?: number;
  /** The limit is never longer, ms. @default 5_000 */
  readonly max?: number;
  /** The limit until there are `minSamples`, and for a call without a key, ms. @default 2_000 */
  readonly initial?: number;
  /** @default 3 */
  readonly minSamples?: number;
  /** How many of the last latencies count. @default 100 */
  readonly window?: number;
  /** From the latencies to the limit. @default meanPlusDeviation(2) */
  readonly estimate?: Estimate;
  /** Calls with the same key share a history. @default byRoute */
  readonly key?: Key;
}

/** One wait under an adaptive limit. */
export interface Measurement {
  /** ms */
  readonly limit: number;
  /** What was waited for came after `ms`. */
  answered(ms: number): void;
  /** It had not come by the limit. */
  expired(): void;
}

export interface Adaptive {
  /** `what` is the wait that is measured: the time to the headers says nothing about the time to the last byte. */
  measure(ctx: Context, what: string): Measurement;
}

/** The same limit for every call, ms. */
export function fixed(limit: number): Adaptive {
  const measurement: Measurement = { limit, answered() {}, expired() {} };
  return { measure: () => measurement };
}

export const never: Adaptive = fixed(Infinity);

/** How fast a limit that has been backed off comes down again: alpha of RFC 6298 §2. */
const gain = 1 / 8;

/**
 * `clamp(estimate(latencies), min, max)`. A wait that ran out counts as a latency of the limit, for it was at least
 * that, and doubles the limit for the next call (RFC 6298 §5.5), so that a service that got slower for good is served
 * again; answers then bring the limit down to twice their latency, and to the estimate within one window.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function adaptive(options: AdaptiveOptions = {}): Adaptive {
  knownKeys('adaptive', options, ['min', 'max', 'initial', 'minSamples', 'window', 'estimate', 'key']);
  const min = duration('adaptive min', options.min ?? 500);
  const max = duration('adaptive max', options.max ?? 5_000);
  if (max < min) throw invalid('adaptive max', max, `at least min, ${min}`);
  const initial = duration('adaptive initial', options.initial ?? 2_000);
  const minSamples = count('adaptive minSamples', options.minSamples ?? 3, 1);
  const window = count('adaptive window', options.window ?? 100, minSamples);
  const estimate = fn('adaptive estimate', options.estimate ?? meanPlusDeviation(2));
  const key = fn('adaptive key', options.key ?? byRoute);

  const backoffs = new WeakMap<Series, DoubledLimit>();

  const estimated = ({ window }: Series): number => {
    if (window.size < minSamples) return initial;
    return clamp(estimate.fromWindow?.(window) ?? estimate(window.samples), min, max);
  };
  const recover = (series: Series, backoff: DoubledLimit, ms: number): void => {
    backoff.answers += 1;
    backoff.limit += (2 * ms - backoff.limit) * gain;
    if (backoff.answers >= window || backoff.limit <= estimated(series)) backoffs.delete(series);
  };

  return {
    measure(ctx, what) {
      const route = key(ctx);
      if (route === undefined) return { limit: initial, answered() {}, expired() {} };
      const series = latencyHistory(ctx.storage).series(what, route, window);
      const limit = Math.max(estimated(series), Math.min(backoffs.get(series)?.limit ?? 0, max));
      return {
        limit,
        answered(ms) {
          series.add(ms);
          const backoff = backoffs.get(series);
          if (backoff !== undefined) recover(series, backoff, ms);
        },
        expired() {
          series.add(limit);
          backoffs.set(series, { limit: Math.max(backoffs.get(series)?.limit ?? 0, 2 * limit), answers: 0 });
        },
      };
    },
  };
}

/** A limit that was doubled when a wait ran out. */
interface DoubledLimit {
  limit: number;
  /** That have come since. */
  answers: number;
}

function clamp(ms: number, min: number, max: number): number {
  return Math.min(Math.max(ms, min), max);
}
