import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { constant, decorrelated, exponential } from '../../src/lib/backoff.ts';

/** The values of `Math.random`, with both ends of their range. */
const draw = fc.oneof(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.constantFrom(0, 1 - 2 ** -53));
const ms = fc.oneof(fc.nat(100_000), fc.double({ min: 0.001, max: 1e9, noNaN: true }));
const retry = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5_000 }));

describe('backoff', () => {
  test('doubles from base to cap', () => {
    const bound = exponential(200, 10_000);
    const nearlyOne = (): number => 1 - 2 ** -53;
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((retry) => Math.round(bound(retry, nearlyOne)));
    expect(bounds).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  test('draws between 0 and the bound when it is exponential', () => {
    const backoff = exponential(200, 10_000);
    expect([0, 0.25, 0.5, 0.75].map((drawn) => backoff(3, () => drawn))).toEqual([0, 200, 400, 600]);
  });

  test('stays within [0, cap) when it is exponential', () => {
    fc.assert(
      fc.property(ms, ms, retry, draw, (base, cap, retry, drawn) => {
        const delay = exponential(base, cap)(retry, () => drawn);
        expect(delay).toBeGreaterThanOrEqual(0);
        if (base > 0 && cap > 0) expect(delay).toBeLessThan(Math.min(cap, base * 2 ** (retry - 1)));
        else expect(delay).toBe(0);
      }),
    );
  });

  test('is a number even when a base of 0 is doubled a thousand times', () => {
    expect(exponential(0, 10_000)(1_025, () => 0.5)).toBe(0);
  });

  test('is 0 with a cap of 0', () => {
    expect(exponential(200, 0)(5, () => 0.9)).toBe(0);
  });

  test('is the same before every retry, without a draw, when it is constant', () => {
    const random = (): number => {
      throw new Error('A constant backoff draws nothing');
    };
    expect([1, 2, 50].map((retry) => constant(250)(retry, random))).toEqual([250, 250, 250]);
    expect(constant(0)(1, random)).toBe(0);
  });

  test('draws each delay between base and three times the delay before it when it is decorrelated', () => {
    const backoff = decorrelated(100, 10_000);
    expect(backoff(1, () => 0)).toBe(100);
    expect(backoff(1, () => 0.5)).toBe(200);
    const draws = [0.5, 0.5, 0];
    expect(backoff(2, () => draws.shift()!)).toBe(350); // 200, then half-way from 100 to 600
    expect(draws).toEqual([0]);
  });

  test('stays within [base, cap] when it is decorrelated', () => {
    const inOrder = fc.tuple(ms, ms).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(inOrder, fc.integer({ min: 1, max: 50 }), fc.infiniteStream(draw), ([base, cap], retry, draws) => {
        const delay = decorrelated(base, cap)(retry, () => draws.next().value);
        expect(delay).toBeGreaterThanOrEqual(base);
        expect(delay).toBeLessThanOrEqual(cap);
      }),
    );
  });

  test('is the cap when it is decorrelated and the cap is below the base', () => {
    fc.assert(
      fc.property(retry, draw, (retry, drawn) => {
        expect(decorrelated(500, 200)(Math.min(retry, 50), () => drawn)).toBe(200);
      }),
    );
  });

  test('shares no state between calls', () => {
    const backoff = decorrelated(100, 10_000);
    const delays = (): number[] => [1, 2, 3, 4].map((retry) => backoff(retry, () => 0.9));
    expect(delays()).toEqual(delays());
  });

  test.for<[string, () => unknown]>([
    ['exponential(base) must be a number of milliseconds, 0 or more, got -1', () => exponential(-1, 100)],
    ['exponential(cap) must be a number of milliseconds, 0 or more, got NaN', () => exponential(1, NaN)],
    ['constant(ms) must be a number of milliseconds, 0 or more, got "5"', () => constant('5' as never)],
    [
      'decorrelated(base) must be a number of milliseconds, 0 or more, got undefined',
      () => decorrelated(undefined as never, 1),
    ],
    ['decorrelated(cap) must be a number of milliseconds, 0 or more, got -1', () => decorrelated(1, -1)],
  ])('refuses invalid arguments: %s', ([message, build]) => {
    expect(build).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }));
  });
});
