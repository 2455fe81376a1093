import { describe, expect, test } from 'vitest';
import { durationBuckets } from '../../../src/telemetry/semantic-conventions.ts';
import { histogram } from '../../../src/middleware/metrics/histogram.ts';

describe('histogram', () => {
  test('has no quantile before its first sample', () => {
    expect(histogram().quantile(0.5)).toBeUndefined();
  });

  test('counts a duration on a bound to the bucket below it, as OpenTelemetry does', () => {
    const all = histogram();
    for (const ms of [0, 5, 5.1, 10_000, 10_001]) all.add(ms);
    const { bounds, counts, count, sum } = all.snapshot();
    expect(bounds).toBe(durationBuckets);
    expect(counts).toEqual([2, 1, ...Array.from({ length: 11 }, () => 0), 1, 1]);
    expect(count).toBe(5);
    expect(sum).toBeCloseTo(20.0111, 4);
  });

  test('returns an exact quantile for equal samples, and never more than the largest', () => {
    const all = histogram();
    for (let n = 0; n < 100; n += 1) all.add(62);
    expect([0.01, 0.5, 0.99, 1].map((q) => all.quantile(q))).toEqual([62, 62, 62, 62]);
    all.add(30_000);
    expect(all.quantile(1)).toBeCloseTo(30_000, -3);
    expect(all.quantile(1)).toBeLessThanOrEqual(30_000);
    expect(all.quantile(0.5)).toBeCloseTo(62, -1);
  });

  test.each([
    ['a long tail', (n: number) => 1 + (n / 10) ** 1.1],
    ['two modes', (n: number) => (n % 50 === 0 ? 300 + (n % 7) : 5 + (n % 3))],
    ['microseconds', (n: number) => (n + 1) / 1_000],
    ['hours', (n: number) => n * 10_000],
  ])('returns a quantile within 2 %% of a sample, for %s', (_, sampleOf) => {
    const all = histogram();
    const samples = Array.from({ length: 10_000 }, (_each, n) => sampleOf((n * 7_919) % 10_000));
    for (const sample of samples) all.add(sample);
    const sorted = samples.toSorted((a, b) => a - b);
    for (const q of [0.1, 0.5, 0.9, 0.95, 0.99, 0.999]) {
      const real = sorted[Math.ceil(q * sorted.length) - 1]!;
      expect(Math.abs(all.quantile(q)! / real - 1)).toBeLessThanOrEqual(0.0201);
    }
  });
});
