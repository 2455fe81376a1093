import { describe, expect, test } from 'vitest';
import { lognormal, random } from '../../../bench/lib/simulate.ts';
import { hedgeDelay } from '../../../src/middleware/hedge/hedge-delay.ts';
import { contextOf } from '../../support/context.ts';

/** The learned delay of a route with these latencies. */
function learned(ratio: number, latencies: readonly number[]): number | undefined {
  const ctx = contextOf();
  for (const latency of latencies) hedgeDelay(ctx, { ratio })!.record(latency);
  return hedgeDelay(ctx, { ratio })!.delay;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => 100 + index + 1);

describe('hedgeDelay', () => {
  test('is undefined before there are 20 samples', () => {
    expect(learned(0.05, upTo(19))).toBeUndefined();
    expect(learned(0.05, upTo(20))).toBe(120);
  });

  test('is the latency that the next call exceeds with the probability of the ratio', () => {
    expect(learned(0.05, upTo(99))).toBe(195);
    expect(learned(0.02, upTo(999))).toBe(1_080);
  });

  test('follows from the last thousand samples', () => {
    expect(learned(0.05, [...Array.from({ length: 500 }, () => 1), ...upTo(1_000)])).toBe(1_051);
  });

  test('takes a censored sample for 1.5 times the wait', () => {
    const ctx = contextOf();
    for (const latency of upTo(19)) hedgeDelay(ctx, { ratio: 0.05 })!.record(latency);
    hedgeDelay(ctx, { ratio: 0.05 })!.recordCensored(100);
    expect(hedgeDelay(ctx, { ratio: 0.05 })!.delay).toBe(150);
  });

  test('is the sample below a gap if the quantile may be above it by chance', () => {
    const fast = Array.from({ length: 979 }, (_, index) => 5 + index / 1_000);
    const slow = Array.from({ length: 21 }, () => 300);
    expect(learned(0.02, [...fast, ...slow])).toBeCloseTo(5.978);
  });

  test('is above a gap if more samples than chance explains are there', () => {
    const fast = Array.from({ length: 960 }, () => 5);
    const slow = Array.from({ length: 40 }, () => 300);
    expect(learned(0.02, [...fast, ...slow])).toBe(300);
  });

  test('does not take a smaller step of a lognormal tail for a gap', () => {
    const draw = lognormal({ median: 5, sigma: 1.45, random: random(7) });
    const latencies = Array.from({ length: 1_000 }, draw);
    const sorted = latencies.toSorted((a, b) => a - b);
    expect(learned(0.065, latencies)).toBe(sorted[935]);
  });

  test('has a history for each ratio, and none for a ratio of 0 or a key of undefined', () => {
    const ctx = contextOf();
    for (const latency of upTo(20)) hedgeDelay(ctx, { ratio: 0.05 })!.record(latency);
    expect(hedgeDelay(ctx, { ratio: 0.1 })!.delay).toBeUndefined();
    expect(hedgeDelay(ctx, { ratio: 0 })).toBeUndefined();
    expect(hedgeDelay(ctx, { ratio: 0.05, key: () => undefined })).toBeUndefined();
  });
});
