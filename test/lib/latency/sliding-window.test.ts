import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { slidingWindow } from '../../../src/lib/latency/sliding-window.ts';

describe('a sliding window', () => {
  test('has the samples and quantiles of a sorted list, after any sequence of samples', () => {
    const sample = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: 0, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(sample, { maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (length, samples, q) => {
          const window = slidingWindow(length);
          for (const one of samples) window.add(one);
          const last = samples.slice(-length);
          expect(window.size).toBe(last.length);
          expect(window.samples).toEqual(last);
          const sorted = last.toSorted((a, b) => a - b);
          expect(window.quantile(q)).toBe(sorted[Math.max(0, Math.ceil(q * last.length - 1e-9) - 1)]);
        },
      ),
    );
  });

  test('has no quantile while it is empty', () => {
    expect(slidingWindow(3).quantile(0.5)).toBeUndefined();
  });
});
