import { describe, expect, test } from 'vitest';
import { percentile } from '../../../playground/terminal/percentile.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  test.each([
    [0, 1],
    [0.01, 1],
    [0.5, 50],
    [0.95, 95],
    [0.99, 99],
    [0.999, 100],
    [1, 100],
  ])('%d of 1 to 100 is %d', (q, value) => {
    expect(percentile(hundred, q)).toBe(value);
  });

  test('is the only sample, or undefined without samples', () => {
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });

  test('sorts by number, and leaves the samples unchanged', () => {
    const samples = [10, 9, 100];
    expect(percentile(samples, 1)).toBe(100);
    expect(samples).toEqual([10, 9, 100]);
  });
});
