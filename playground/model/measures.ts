/**
 * The figures of a lane over the last ten seconds, in constant memory: ten slices of one second, each a histogram whose
 * buckets grow by 4 %.
 */
import type { CallOutcome, Measures } from './types.ts';

export interface Meter {
  begun(): Begun;
  /** Counts a request to the network. */
  sent(): void;
  /** Returns how long the call took, ms. */
  ended(call: Begun, outcome: CallOutcome): number;
  read(): Measures;
}

/** A call that has not ended. */
export interface Begun {
  readonly start: number;
}

const slices = 10;
/** A call that takes longer counts before it has ended, ms. Nearly all good responses take less. */
const long = 2_000;
/** The ratio of a bucket's bound to the previous one. */
const growth = 1.04;
/** Enough for a latency of a minute, which is longer than any caller waits. */
const buckets = Math.ceil(Math.log(60_000) / Math.log(growth)) + 1;

/** `clock` returns ms. */
export function createMeter(clock: () => number): Meter {
  const latencies = Array.from({ length: slices }, () => new Uint32Array(buckets));
  const counts = Array.from({ length: slices }, none);
  /** In the order in which they began. */
  const open = new Set<Begun>();
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
      const call = { start: clock() };
      open.add(call);
      return call;
    },
    sent() {
      counts[slice()]!.sent += 1;
    },
    ended(call, outcome) {
      const [at, latency] = [slice(), clock() - call.start];
      open.delete(call);
      counts[at]!.ended += 1;
      if (outcome === 'substitute') counts[at]!.substitutes += 1;
      if (outcome === 'replaced') counts[at]!.replaced += 1;
      if (outcome === 'answered') latencies[at]![bucketOf(latency)]! += 1;
      return latency;
    },
    read() {
      slice();
      const now = clock();
      const sum = (name: keyof Counts): number => counts.reduce((all, count) => all + count[name], 0);
      const [begun, calls] = [sum('begun'), sum('ended')];
      const [substitutes, replaced] = [sum('substitutes'), sum('replaced')];
      const merged = new Uint32Array(buckets);
      for (const each of latencies) each.forEach((count, bucket) => (merged[bucket]! += count));
      const answered = merged.reduce((all, count) => all + count, 0);
      let waiting = 0;
      for (const { start } of open) {
        if (now - start <= long) break;
        waiting += 1;
        merged[bucketOf(now - start)]! += 1;
      }
      const counted = calls - replaced + waiting;
      return {
        calls,
        waiting,
        replaced,
        substitutes,
        lost: calls - answered - substitutes - replaced,
        success: counted === 0 ? undefined : answered / counted,
        p50: quantile(merged, 0.5 * counted),
        p95: quantile(merged, 0.95 * counted),
        p99: quantile(merged, 0.99 * counted),
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
  replaced: number;
}

function none(): Counts {
  return { begun: 0, sent: 0, ended: 0, substitutes: 0, replaced: 0 };
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
