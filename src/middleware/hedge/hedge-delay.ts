/** The delay before `hedge` sends a copy: a quantile of the latencies of the route. */
import type { Context } from '../../core/context.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { latencyHistory, type Series } from '../../lib/latency/history.ts';

export interface HedgeDelayOptions {
  /** The share of the calls that are slower than the delay, 0..1. */
  readonly ratio: number;
  readonly key?: Key | undefined;
}

/** The delay of a route, and the samples that it is learned from. */
export interface HedgeDelay {
  /** ms; `undefined` while there are too few samples. */
  readonly delay: number | undefined;
  /** Records that the original got a good response after `ms`. */
  record(ms: number): void;
  /** Records that the original was still running when it was abandoned after `ms`: a censored sample. */
  recordCensored(ms: number): void;
}

/** Fewer samples do not show a tail. */
const minSamples = 20;
/** At a ratio of 0.02, twenty samples of this window are slower than the delay. */
const windowLength = 1_000;
/**
 * The latency of a censored sample is longer than the wait. Recorded as the wait itself, an original that a quick copy
 * cut short would drop below the quantile as soon as the quantile rises: on a lognormal tail, that sent 8 % more copies
 * than the ratio. Recorded as 1.5 times the wait, it sends no more copies than the ratio.
 */
const censoredFactor = 1.5;
/** Adjacent samples have a gap between them from this factor on: none of 4,000 full windows of a lognormal tail had one. */
const minGap = 1.5;

/**
 * The `1 - ratio` quantile of the originals' times to their response headers (Dean and Barroso, The Tail at Scale;
 * Finagle's BackupRequestFilter). Censored samples count too. Without them the slow calls would be missing, and the
 * delay would become ever shorter.
 */
export function hedgeDelay(ctx: Context, { ratio, key = byRoute }: HedgeDelayOptions): HedgeDelay | undefined {
  const route = ratio > 0 ? key(ctx) : undefined;
  if (route === undefined) return undefined;
  // Each ratio has its own history, because where a sample is censored depends on the delay.
  const series = latencyHistory(ctx.storage).series(`hedge ${ratio}`, route, windowLength);
  return {
    delay: learnedDelay(series, ratio),
    record: (ms) => series.add(ms, ctx),
    recordCensored: (ms) => series.add(ms * censoredFactor, ctx),
  };
}

function learnedDelay({ window }: Series, ratio: number): number | undefined {
  const { size } = window;
  if (size < minSamples) return undefined;
  // The next sample is to be slower than the delay with the probability `ratio`: a quantile of size + 1 samples.
  const q = Math.min(1, (1 - ratio) * (1 + 1 / size));
  let delay = window.quantile(q)!;
  // If there is a gap so near below the quantile, chance decides on which side of it the quantile is. Above the gap, no
  // copy would be sent in time, so the delay is the sample below it; of several gaps, below the widest.
  let widest = minGap;
  for (let above = delay, p = q - 1 / size; p >= q - uncertainty(ratio, size); p -= 1 / size) {
    const below = window.quantile(p)!;
    if (above / below > widest) [delay, widest] = [below, above / below];
    above = below;
  }
  return delay;
}

/** Two standard errors of the share of `size` samples that are slower than the quantile. */
function uncertainty(ratio: number, size: number): number {
  return 2 * Math.sqrt((ratio * (1 - ratio)) / size);
}
