import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { rollingCounter } from '../../src/lib/rolling-counter.ts';

describe('rollingCounter', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('forgets counts that are older than the window, a tenth at a time', () => {
    const count = rollingCounter(1_000);
    count.add();
    vi.advanceTimersByTime(500);
    count.add(2);
    expect(count.total).toBe(3);
    vi.advanceTimersByTime(500);
    expect(count.total).toBe(2);
    vi.advanceTimersByTime(500);
    expect(count.total).toBe(0);
  });

  test('includes every count of the last nine tenths of the window, and none that is older than the window', () => {
    const steps = fc.array(fc.record({ pause: fc.nat(700), count: fc.nat(5) }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(steps, (steps) => {
        const count = rollingCounter(1_000);
        const seen: { at: number; count: number }[] = [];
        const within = (ms: number): number => {
          const now = performance.now();
          return seen.filter(({ at }) => now - at < ms).reduce((sum, { count }) => sum + count, 0);
        };
        for (const step of steps) {
          vi.advanceTimersByTime(step.pause);
          count.add(step.count);
          seen.push({ at: performance.now(), count: step.count });
          expect(count.total).toBeGreaterThanOrEqual(within(900));
          expect(count.total).toBeLessThanOrEqual(within(1_000));
        }
      }),
    );
  });

  test('says when its oldest counts are dropped', () => {
    const count = rollingCounter(1_000);
    vi.advanceTimersByTime(30 + 1e4 - (performance.now() % 100));
    expect(count.untilNextSlice).toBe(70);
    count.add();
    vi.advanceTimersByTime(900);
    vi.advanceTimersByTime(count.untilNextSlice - 1);
    expect(count.total).toBe(1);
    vi.advanceTimersByTime(count.untilNextSlice);
    expect([count.total, count.untilNextSlice]).toEqual([0, 100]);
  });

  test('keeps every count of an infinite window until it is cleared', () => {
    const count = rollingCounter(Infinity);
    count.add();
    vi.advanceTimersByTime(1e9);
    count.add();
    expect(count.total).toBe(2);
    count.clear();
    expect(count.total).toBe(0);
  });
});
