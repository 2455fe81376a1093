import { describe, expect, test } from 'vitest';
import { lognormal, random } from '../../../bench/lib/simulate.ts';
import { hedgeDelay } from '../../../src/middleware/hedge/hedge-delay.ts';
import { contextOf } from '../../support/context.ts';

/** Where the tail of a route begins after these latencies. */
function begins(ratio: number, latencies: readonly number[]): number | undefined {
  const ctx = contextOf();
  for (const latency of latencies) hedgeDelay(ctx, { ratio })!.answered(latency);
  return hedgeDelay(ctx, { ratio })!.delay;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => 100 + index + 1);

describe('the tail of a route', () => {
  test('begins nowhere before there are 20 latencies', () => {
    expect(begins(0.05, upTo(19))).toBeUndefined();
    expect(begins(0.05, upTo(20))).toBe(120);
  });

  test('begins where the next latency is beyond with the probability of the ratio', () => {
    expect(begins(0.05, upTo(99))).toBe(195);
    expect(begins(0.02, upTo(999))).toBe(1_080);
  });

  test('goes by the last thousand', () => {
    expect(begins(0.05, [...Array.from({ length: 500 }, () => 1), ...upTo(1_000)])).toBe(1_051);
  });

  test('an original that was outwaited counts with half as much again', () => {
    const ctx = contextOf();
    for (const latency of upTo(19)) hedgeDelay(ctx, { ratio: 0.05 })!.answered(latency);
    hedgeDelay(ctx, { ratio: 0.05 })!.censored(100);
    expect(hedgeDelay(ctx, { ratio: 0.05 })!.delay).toBe(150);
  });

  test('begins on the near side of a gap that chance may have put it beyond', () => {
    const fast = Array.from({ length: 979 }, (_, index) => 5 + index / 1_000);
    const slow = Array.from({ length: 21 }, () => 300);
    expect(begins(0.02, [...fast, ...slow])).toBeCloseTo(5.978);
  });

  test('begins beyond a gap when more than chance is there', () => {
    const fast = Array.from({ length: 960 }, () => 5);
    const slow = Array.from({ length: 40 }, () => 300);
    expect(begins(0.02, [...fast, ...slow])).toBe(300);
  });

  test('takes no lesser step of a lognormal tail for a gap', () => {
    const draw = lognormal({ median: 5, sigma: 1.45, random: random(7) });
    const latencies = Array.from({ length: 1_000 }, draw);
    const sorted = latencies.toSorted((a, b) => a - b);
    expect(begins(0.065, latencies)).toBe(sorted[935]);
  });

  test('each ratio has its own history, and a ratio of 0 or a key of undefined has none', () => {
    const ctx = contextOf();
    for (const latency of upTo(20)) hedgeDelay(ctx, { ratio: 0.05 })!.answered(latency);
    expect(hedgeDelay(ctx, { ratio: 0.1 })!.delay).toBeUndefined();
    expect(hedgeDelay(ctx, { ratio: 0 })).toBeUndefined();
    expect(hedgeDelay(ctx, { ratio: 0.05, key: () => undefined })).toBeUndefined();
  });
});
