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
  const counts = Array.from({ length: slices }, () => ({ begun: 0, sent: 0, ended: 0 }));
  const total = { calls: 0, answered: 0, requests: 0 };
  let current = 0;

  function slice(): number {
    const now = Math.floor(clock() / 1_000);
    for (let second = Math.max(current, now - slices) + 1; second <= now; second += 1) {
      latencies[second % slices]!.fill(0);
      Object.assign(counts[second % slices]!, { begun: 0, sent: 0, ended: 0 });
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
      total.requests += 1;
    },
    ended(outcome, latency) {
      const at = slice();
      counts[at]!.ended += 1;
      total.calls += 1;
      if (outcome !== 'answered') return;
      latencies[at]![bucketOf(latency)]! += 1;
      total.answered += 1;
    },
    read() {
      slice();
      const sum = (of: (count: { begun: number; sent: number; ended: number }) => number): number =>
        counts.reduce((all, count) => all + of(count), 0);
      const [begun, sent, ended] = [
        sum((count) => count.begun),
        sum((count) => count.sent),
        sum((count) => count.ended),
      ];
      const merged = new Uint32Array(buckets);
      for (const each of latencies) each.forEach((count, bucket) => (merged[bucket]! += count));
      const answered = merged.reduce((all, count) => all + count, 0);
      return {
        calls: ended,
        success: ended === 0 ? undefined : answered / ended,
        p50: quantile(merged, 0.5 * answered),
        p95: quantile(merged, 0.95 * answered),
        p99: quantile(merged, 0.99 * answered),
        upstream: begun === 0 ? undefined : sent / begun,
        total: { ...total },
      };
    },
  };
}

function bucketOf(latency: number): number {
  return Math.min(buckets - 1, Math.floor(Math.log(Math.max(1, latency)) / Math.log(growth)));
}

/** The middle of the bucket that contains the nearest rank; `undefined` if all buckets are empty. */
function quantile(counts: Uint32Array, rank: number): number | undefined {
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    seen += count;
    if (count > 0 && seen >= rank) return growth ** (bucket + 0.5);
  }
  return undefined;
}
