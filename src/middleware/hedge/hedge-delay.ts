/** Where the tail of a route's latencies begins: how long `hedge` waits before it sends a copy. */
import type { Context } from '../../core/context.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { latencyHistory, type Series } from '../../lib/latency/history.ts';

export interface HedgeDelayOptions {
  /** The share of the calls that make up the tail, 0..1. */
  readonly ratio: number;
  readonly key?: Key;
}

/** One call against the history of its route. */
export interface HedgeDelay {
  /** Where the tail begins, ms; `undefined` while there are too few latencies to tell. */
  readonly delay: number | undefined;
  /** The original has answered after `ms`. */
  answered(ms: number): void;
  /** It was given up after `ms`, unanswered. */
  censored(ms: number): void;
}

/** Fewer latencies say nothing about a tail. */
const minSamples = 20;
/** A ratio of 0.02 leaves the quantile twenty samples of it to go by. */
const length = 1_000;
/**
 * What a wait that was not seen to its end is taken for, times its length. Taken for its length, those that a quick copy
 * cut short would fall below the quantile as soon as that rises a little: measured over a lognormal tail, 8 % more
 * copies than the ratio, and at 1.5 no more than it.
 */
const beyond = 1.5;
/** Neighbours that far apart have a gap between them: none of 4,000 full windows of a lognormal tail had one. */
const gap = 1.5;

/**
 * The `1 - ratio` quantile of the originals' times to their headers (Dean and Barroso, The Tail at Scale; Finagle's
 * BackupRequestFilter). One that was outwaited counts with half as much again as it was waited for: left out, the slow
 * ones would be missing, and the tail would begin ever sooner.
 */
export function hedgeDelay(ctx: Context, { ratio, key = byRoute }: HedgeDelayOptions): HedgeDelay | undefined {
  const route = ratio > 0 ? key(ctx) : undefined;
  if (route === undefined) return undefined;
  // A latency that was outwaited is known only to be beyond the beginning of its tail: each ratio has its own history.
  const series = latencyHistory(ctx.storage).series(`hedge ${ratio}`, route, length);
  return {
    delay: beginning(series, ratio),
    answered: (ms) => series.add(ms),
    censored: (ms) => series.add(ms * beyond),
  };
}

function beginning({ window }: Series, ratio: number): number | undefined {
  const { size } = window;
  if (size < minSamples) return undefined;
  // The next of n + 1 latencies, not one of these n, is to be beyond it with the probability `ratio`.
  const q = Math.min(1, (1 - ratio) * (1 + 1 / size));
  let begins = window.quantile(q)!;
  let widest = gap;
  for (let above = begins, p = q - 1 / size; p >= q - doubt(ratio, size); p -= 1 / size) {
    const below = window.quantile(p)!;
    if (above / below > widest) [begins, widest] = [below, above / below];
    above = below;
  }
  return begins;
}

/**
 * Two standard errors of the share of `size` samples that is in the tail. Where the latencies leave a gap so near the
 * quantile, it is chance on which side of it the quantile falls; on the far side it would have no copy sent in time.
 */
function doubt(ratio: number, size: number): number {
  return 2 * Math.sqrt((ratio * (1 - ratio)) / size);
}
