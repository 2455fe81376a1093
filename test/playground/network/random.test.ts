import { describe, expect, test } from 'vitest';
import { mulberry32, normal } from '../../../playground/network/random.ts';

describe('mulberry32', () => {
  test('draws the same numbers from the same seed', () => {
    const one = mulberry32(7);
    const other = mulberry32(7);
    expect(take(100, one)).toEqual(take(100, other));
  });

  test('draws the numbers of the published generator', () => {
    expect(take(3, mulberry32(1))).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522]);
  });

  test('draws other numbers from another seed', () => {
    expect(take(5, mulberry32(1))).not.toEqual(take(5, mulberry32(2)));
  });

  test('draws evenly from [0, 1)', () => {
    const draws = take(10_000, mulberry32(1));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    expect(mean(draws)).toBeCloseTo(0.5, 1);
  });
});

describe('normal', () => {
  test('has mean 0 and deviation 1', () => {
    const random = mulberry32(1);
    const values = take(10_000, () => normal(random));
    expect(Math.abs(mean(values))).toBeLessThan(0.03);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
  });

  test('is finite at both ends of the generator', () => {
    expect(normal(() => 0)).toBeCloseTo(0);
    expect(Number.isFinite(normal(() => 1 - 2 ** -32))).toBe(true);
  });
});

function take(count: number, draw: () => number): number[] {
  return Array.from({ length: count }, draw);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
