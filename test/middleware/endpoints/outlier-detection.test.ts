import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { outlierDetection, healthy, type Health } from '../../../src/middleware/endpoints/outlier-detection.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Step = { readonly who: number } & ({ readonly ok: boolean } | { readonly wait: number } | { readonly drop: true });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ who: fc.nat(9), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ who: fc.nat(9), wait: fc.nat(5_000) }) },
  { weight: 1, arbitrary: fc.record({ who: fc.nat(9), drop: fc.constant(true as const) }) },
);

describe('outlierDetection', () => {
  test('ejects no more than the share, and never the last endpoint, after any events', () => {
    fc.assert(
      fc.property(
        fc.record({
          failures: fc.integer({ min: 1, max: 4 }),
          for: fc.constant(1_000),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(step, { maxLength: 200 }),
        (rule, size, steps) => {
          const health = outlierDetection<Health>(rule);
          let list = Array.from({ length: size }, healthy);
          for (const one of steps) {
            const member = list[one.who % list.length]!;
            if ('wait' in one) vi.advanceTimersByTime(one.wait);
            else if ('drop' in one) list = list.length > 1 ? list.filter((other) => other !== member) : list;
            else if (one.ok) health.succeeded(member);
            else health.failed(member, list);
            health.readmit(list);
            const out = list.filter((other) => health.isEjected(other)).length;
            expect(out).toBeLessThanOrEqual(rule.share * list.length + 1e-6);
            expect(out).toBeLessThan(list.length);
          }
        },
      ),
    );
  });

  test('returns each endpoint after its time, and reports it once', () => {
    const health = outlierDetection<Health>({ failures: 1, for: 1_000, share: 1 });
    const list = [healthy(), healthy()];
    expect(health.failed(list[0]!, list)).toBe(1_000);
    vi.advanceTimersByTime(999);
    expect(health.readmit(list)).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(health.readmit(list)).toEqual([list[0]]);
    expect(health.readmit(list)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not extend an ejection for a failure that arrives during it', () => {
    const health = outlierDetection<Health>({ failures: 1, for: 1_000, share: 1 });
    const list = [healthy(), healthy()];
    health.failed(list[0]!, list);
    vi.advanceTimersByTime(500);
    expect(health.failed(list[0]!, list)).toBeUndefined();
    vi.advanceTimersByTime(500);
    expect(health.isEjected(list[0]!)).toBe(false);
  });

  test('ejects 29 of 100 endpoints with a share of 0.29', () => {
    const health = outlierDetection<Health>({ failures: 1, for: 1_000, share: 0.29 });
    const list = Array.from({ length: 100 }, healthy);
    for (const member of list) health.failed(member, list);
    expect(list.filter((member) => health.isEjected(member))).toHaveLength(29);
  });
});
