/** What a run keeps of its calls. */
import { describe, expect, test } from 'vitest';

import { Bins, Latencies } from '../../../../adapters/cli/load/latency.ts';
import { intervalWidth, Recorder } from '../../../../adapters/cli/load/recorder.ts';
import { schedule } from '../../../../adapters/cli/load/schedule.ts';

const recorder = (warmup = 0): Recorder =>
  new Recorder(schedule({ rate: 10, for: 10_000, peak: 1, warmup }).phases, 1_000);

describe('Latencies', () => {
  test('has percentiles within a thousandth of the sorted samples', () => {
    const latencies = new Latencies();
    const samples = Array.from({ length: 50_000 }, (_, index) => 0.2 * 1.0002 ** ((index * 7_919) % 50_000));
    for (const sample of samples) latencies.record(sample);
    const sorted = samples.toSorted((a, b) => a - b);
    const nearestRank = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1]!;
    const { p50, p90, p95, p99, p999, max } = latencies.percentiles();
    for (const [found, q] of [
      [p50, 0.5],
      [p90, 0.9],
      [p95, 0.95],
      [p99, 0.99],
      [p999, 0.999],
      [max, 1],
    ] as const) {
      expect(Math.abs(found / nearestRank(q) - 1)).toBeLessThan(0.002);
    }
  });

  test('accepts what is shorter than a microsecond and longer than an hour', () => {
    const latencies = new Latencies();
    for (const ms of [0, -1, 1e12]) latencies.record(ms);
    expect(latencies.count).toBe(3);
    expect(latencies.percentiles().max).toBeCloseTo(3_600_000, -4);
  });

  test('has zeros before the first call', () => {
    expect(new Set(Object.values(new Latencies().percentiles()))).toEqual(new Set([0]));
  });
});

describe('Bins', () => {
  test('has ten bins a decade, and puts what is beyond them into the last', () => {
    const bins = new Bins();
    for (const ms of [0, 0.0101, 1.01, 1.01, 1e9]) bins.record(ms);
    expect([bins.counts[0], bins.counts[20], bins.counts.at(-1)]).toEqual([2, 2, 1]);
  });
});

describe('a recorder', () => {
  test('counts a call from when it was due, not from when it was sent', () => {
    const it = recorder();
    it.sent(100, 700);
    it.ended(100, 750, undefined);
    expect(it.latencies.percentiles().max).toBeCloseTo(650, 0);
    expect(it.lateness.percentiles().max).toBeCloseTo(600, 0);
  });

  test('does not count what was due in the warm-up', () => {
    const it = recorder(1_000);
    it.sent(999, 999);
    it.sent(1_000, 1_000);
    it.ended(999, 2_000, 'HTTP 500');
    it.ended(1_000, 2_000, undefined);
    expect([it.calls, it.failed, it.begun, it.inFlight]).toEqual([1, 0, 2, 0]);
  });

  test('counts failed calls by kind, in the whole and over time', () => {
    const it = recorder();
    for (const [due, failure] of [
      [0, 'HTTP 503'],
      [1_500, 'HTTP 503'],
      [1_600, 'circuit open'],
    ] as const) {
      it.sent(due, due);
      it.ended(due, due + 10, failure);
    }
    expect(it.failures).toEqual({ 'HTTP 503': 2, 'circuit open': 1 });
    expect(it.intervals.map(({ failed }) => failed)).toEqual([{ 'HTTP 503': 1 }, { 'HTTP 503': 1, 'circuit open': 1 }]);
  });

  test('leaves out a call that ends after the recording', () => {
    const it = recorder();
    it.sent(0, 0);
    it.end();
    it.ended(0, 5, 'AbortError');
    expect([it.calls, it.failed, it.inFlight]).toEqual([0, 0, 1]);
  });

  test('counts a call that was not sent as failed, without a latency', () => {
    const it = recorder();
    it.refuse(10, 'not sent');
    expect([it.calls, it.failed, it.refused, it.latencies.count]).toEqual([1, 1, 1, 0]);
  });

  test('keeps an interval open until its last call has ended', () => {
    const it = recorder();
    it.sent(500, 500);
    it.sent(600, 600);
    it.ended(500, 510, undefined);
    it.close(2_000);
    expect(it.intervals[0]!.latency).toBeUndefined();
    it.ended(600, 3_600, undefined);
    it.close(4_000);
    expect(it.intervals[0]!.latency?.max).toBeCloseTo(3_000, -2);
    expect(it.intervals.map(({ completed }) => completed)).toEqual([1, 0, 0, 1]);
  });
});

test.each([
  [1_000, 100],
  [60_000, 1_000],
  [600_000, 10_000],
  [86_400_000, 1_080_000],
])('a run of %i ms has intervals of %i ms', (duration, width) => {
  expect(intervalWidth(duration)).toBe(width);
});
