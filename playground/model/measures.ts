/**
 * The figures of a lane over the last ten seconds, in constant memory: ten slices of one second, each a histogram whose
 * buckets grow by 4 %.
 */
import type { CallOutcome, Measures } from './types.ts';

export interface Meter {
  begun(): void;
  /** Counts a request to the network. */
  sent(): void;
  ended(outcome: CallOutcome, latency: number): void;
  read(): Measures;
}

const slices = 10;
/** The ratio of a bucket's bound to the previous one. */
const growth = 1.04;
/** Enough for a latency of a minute, which is longer than any caller waits. */
const buckets = Math.ceil(Math.log(60_000) / Math.log(growth)) + 1;

/** `clock` returns ms. */
export function createMeter(clock: () => number): Meter {
  const latencies = Array.from({ length: slices }, () => new Uint32Array(buckets));
  const counts = Array.from({ length: slices }, none);
  let current = 0;

  function slice(): number {
    const now = Math.floor(clock() / 1_000);
    for (let second = Math.max(current, now - slices) + 1; second <= now; second += 1) {
      latencies[second % slices]!.fill(0);
      Object.assign(counts[second % slices]!, none());
    }
    current = Math.max(current, now);
    return current % slices;
  }

  return {
    begun() {
      counts[slice()]!.begun += 1;
    },
    sent() {
      counts[slice()]!.sent += 1;
    },
    ended(outcome, latency) {
      const at = slice();
      counts[at]!.ended += 1;
      if (outcome === 'substitute') counts[at]!.substitutes += 1;
      if (outcome === 'answered') latencies[at]![bucketOf(latency)]! += 1;
    },
    read() {
      slice();
      const sum = (name: keyof Counts): number => counts.reduce((all, count) => all + count[name], 0);
      const [begun, calls, substitutes] = [sum('begun'), sum('ended'), sum('substitutes')];
      const merged = new Uint32Array(buckets);
      for (const each of latencies) each.forEach((count, bucket) => (merged[bucket]! += count));
      const answered = merged.reduce((all, count) => all + count, 0);
      return {
        calls,
        substitutes,
        lost: calls - answered - substitutes,
        success: calls === 0 ? undefined : answered / calls,
        p50: quantile(merged, 0.5 * calls),
        p95: quantile(merged, 0.95 * calls),
        p99: quantile(merged, 0.99 * calls),
        upstream: begun === 0 ? undefined : sum('sent') / begun,
      };
    },
  };
}

interface Counts {
  begun: number;
  sent: number;
  ended: number;
  substitutes: number;
}

function none(): Counts {
  return { begun: 0, sent: 0, ended: 0, substitutes: 0 };
}

function bucketOf(latency: number): number {
  return Math.min(buckets - 1, Math.floor(Math.log(Math.max(1, latency)) / Math.log(growth)));
}

/**
 * The middle of the bucket that contains the nearest rank. `Infinity` if the rank is above all buckets: that call got no
 * good response at all. `undefined` before the first call.
 */
function quantile(counts: Uint32Array, rank: number): number | undefined {
  if (rank === 0) return undefined;
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (seen >= rank) return growth ** (bucket + 0.5);
  }
  return Infinity;
}
