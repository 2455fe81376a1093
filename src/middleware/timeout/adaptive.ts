/** A limit of `timeout` that is learned from the latency history of the route. */
import type { Context } from '../../core/context.ts';
import {
  count,
  duration,
  fn,
  keyFn,
  invalid,
  madeBy,
  object,
  positive,
  type Settings,
  type Shape,
} from '../../core/options.ts';
import { meanPlusDeviation, type Estimate } from './estimators.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { noop } from '../../lib/noop.ts';
import { latencyHistory, type Series } from '../../lib/latency/history.ts';

/**
 * The options of `adaptive()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md#how-the-limit-is-computed
 */
export interface AdaptiveOptions {
  /** The shortest limit, ms. @default 500 */
  readonly min?: number | undefined;
  /** The longest limit, ms. @default 5_000 */
  readonly max?: number | undefined;
  /** The limit until there are `minSamples`, and for a call without a key, ms. @default 2_000 */
  readonly initial?: number | undefined;
  /** From this many latencies on, the limit follows them. @default 3 */
  readonly minSamples?: number | undefined;
  /** The number of latencies, the newest ones, that the limit follows. @default 100 */
  readonly window?: number | undefined;
  /** Derives the limit from the latencies. @default meanPlusDeviation(2) */
  readonly estimate?: Estimate | undefined;
  /** Calls with the same key share a history. @default byRoute */
  readonly key?: Key | undefined;
}

export const adaptiveShape: Shape<Settings<AdaptiveOptions>> = {
  min: [duration, 500],
  max: [duration, 5_000],
  initial: [duration, 2_000],
  minSamples: [positive, 3],
  window: [positive, 100],
  estimate: [fn, /* @__PURE__ */ meanPlusDeviation(2), duration],
  key: [keyFn, byRoute],
};

/**
 * One wait under a limit.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md
 */
export interface Measurement {
  /** ms */
  readonly limit: number;
  /** Whether the limit comes from the history. */
  readonly isLearned?: true;
  /** The wait ended after `ms`, within its limit. */
  finished(ms: number): void;
  /** The wait reached its limit. */
  expired(): void;
}

/**
 * A limit that may differ from call to call, as `adaptive()` returns it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md
 */
export interface Adaptive {
  /** `what` is the kind of wait. Each kind has a history of its own: headers arrive sooner than the last byte. */
  measure(ctx: Context, what: string): Measurement;
}

/** How fast a doubled limit comes down again: alpha of RFC 6298 §2. */
const gain = 1 / 8;

/**
 * A limit that is learned from the latencies of the route: `clamp(estimate(latencies), min, max)`, rounded up to two
 * significant digits. A wait that expired is recorded as a latency of the limit, since it lasted at least that long. It
 * also doubles the limit for the next call (RFC 6298 §5.5), so that calls to a service that became slower for good succeed
 * again. Every wait that finishes then lowers the limit towards twice its latency. Within one window the limit is the
 * estimate again.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [timeout({ headers: adaptive({ min: 200, max: 10_000 }) })] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md
 */
export function adaptive(options: AdaptiveOptions = {}): Adaptive {
  const { min, max, initial, minSamples, window, estimate, key } = object('adaptive', options, adaptiveShape);
  if (max < min) throw invalid('adaptive max', max, `at least min, ${min}`);
  count('adaptive window', window, minSamples);

  const doubledLimits = new WeakMap<Series, DoubledLimit>();

  const estimated = ({ window }: Series): number => {
    if (window.size < minSamples) return initial;
    return roundUp(estimate.fromWindow?.(window) ?? estimate(window.samples), min, max);
  };
  const lower = (series: Series, doubled: DoubledLimit, ms: number): void => {
    doubled.finished += 1;
    doubled.limit += (2 * ms - doubled.limit) * gain;
    if (doubled.finished >= window || doubled.limit <= estimated(series)) doubledLimits.delete(series);
  };

  return madeBy('adaptive', options, {
    measure(ctx, what) {
      const route = key(ctx);
      if (route === undefined) return { limit: initial, finished: noop, expired: noop };
      const series = latencyHistory(ctx.storage).series(what, route, window);
      const doubled = doubledLimits.get(series);
      const limit = doubled ? Math.max(estimated(series), roundUp(doubled.limit, min, max)) : estimated(series);
      return {
        limit,
        isLearned: true,
        finished(ms) {
          series.add(ms, ctx);
          const doubled = doubledLimits.get(series);
          if (doubled !== undefined) lower(series, doubled, ms);
        },
        expired() {
          series.add(limit, ctx);
          // Concurrent waits may have expired under different limits.
          const doubled = Math.max(doubledLimits.get(series)?.limit ?? 0, 2 * limit);
          doubledLimits.set(series, { limit: doubled, finished: 0 });
        },
      };
    },
  });
}

/** A limit that was doubled when a wait expired. */
interface DoubledLimit {
  limit: number;
  /** The number of waits that have finished since then. */
  finished: number;
}

/** To two significant digits, and within the bounds: limits that differ little shall be equal, as Node keeps a list per delay. */
function roundUp(ms: number, min: number, max: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(ms)) - 1);
  return Math.min(Math.max(Math.ceil(ms / unit) * unit, min), max);
}
