import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { slidingWindowLog } from '../../../src/middleware/limit/sliding-window-log.ts';

describe('slidingWindowLog', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('returns the delay of the next start, and of each start behind it', () => {
    const log = slidingWindowLog(2, 1_000);
    expect([0, 1, 2, 3, 4].map((ahead) => log.delay(1, ahead))).toEqual([0, 0, 1_000, 1_000, 2_000]);
    log.add(1);
    vi.advanceTimersByTime(300);
    log.add(1);
    expect([0, 1, 2, 3].map((ahead) => log.delay(1, ahead))).toEqual([700, 1_000, 1_700, 2_000]);
    vi.advanceTimersByTime(700);
    expect(log.recent).toBe(1);
    expect(log.delay(1, 0)).toBe(0);
  });

  test('adds up the costs of the starts', () => {
    const log = slidingWindowLog(100, 1_000);
    log.add(60);
    expect([40, 41, 100].map((cost) => log.delay(cost, 0))).toEqual([0, 1_000, 1_000]);
    vi.advanceTimersByTime(400);
    log.add(40);
    expect([10, 60, 61, 100, 500].map((cost) => log.delay(cost, 0))).toEqual([600, 600, 1_000, 1_000, 1_000]);
    expect(log.delay(50, 80)).toBe(1_600);
    expect(log.recent).toBe(100);
  });

  test('delays later starts by what a start has cost beyond its estimate, and gives back what it has not cost', () => {
    const log = slidingWindowLog(1_000, 60_000);
    const start = log.add(100);
    log.correct(start, 900);
    expect([log.delay(100, 0), log.delay(101, 0)]).toEqual([0, 60_000]);
    const high = log.add(900);
    expect(log.recent).toBe(1_800);
    expect(log.delay(1, 0)).toBe(60_000);
    log.correct(high, 50);
    expect(log.delay(50, 0)).toBe(0);
    vi.advanceTimersByTime(60_000);
    log.correct(high, 900);
    expect(log.recent).toBe(0);
  });

  test('keeps starts that obey it within the bound in every window, and delays no start too long', () => {
    const pauses = fc.array(fc.nat(400), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(pauses, fc.integer({ min: 1, max: 6 }), (pauses, most) => {
        const log = slidingWindowLog(most, 500);
        const starts: number[] = [];
        for (const pause of pauses) {
          vi.advanceTimersByTime(pause);
          const delay = log.delay(1, 0);
          vi.advanceTimersByTime(delay);
          const now = performance.now();
          const within = starts.filter((start) => start > now - 500).length;
          expect(within).toBeLessThan(most);
          if (delay > 0) expect(starts.filter((start) => start >= now - 500).length).toBeGreaterThanOrEqual(most);
          log.add(1);
          starts.push(now);
        }
      }),
    );
  });
});
