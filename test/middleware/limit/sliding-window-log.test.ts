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
    expect([0, 1, 2, 3, 4].map((ahead) => log.delay(ahead))).toEqual([0, 0, 1_000, 1_000, 2_000]);
    log.add();
    vi.advanceTimersByTime(300);
    log.add();
    expect([0, 1, 2, 3].map((ahead) => log.delay(ahead))).toEqual([700, 1_000, 1_700, 2_000]);
    vi.advanceTimersByTime(700);
    expect(log.recent).toBe(1);
    expect(log.delay()).toBe(0);
  });

  test('keeps starts that obey it within the bound in every window, and delays no start too long', () => {
    const pauses = fc.array(fc.nat(400), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(pauses, fc.integer({ min: 1, max: 6 }), (pauses, most) => {
        const log = slidingWindowLog(most, 500);
        const starts: number[] = [];
        for (const pause of pauses) {
          vi.advanceTimersByTime(pause);
          const delay = log.delay();
          vi.advanceTimersByTime(delay);
          const now = performance.now();
          const within = starts.filter((start) => start > now - 500).length;
          expect(within).toBeLessThan(most);
          if (delay > 0) expect(starts.filter((start) => start >= now - 500).length).toBeGreaterThanOrEqual(most);
          log.add();
          starts.push(now);
        }
      }),
    );
  });
});
