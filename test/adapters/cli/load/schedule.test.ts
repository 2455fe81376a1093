/** The arrival schedule: when each call is due. */
import { describe, expect, test } from 'vitest';

import { schedule, type Plan } from '../../../../adapters/cli/load/schedule.ts';

const plan: Plan = { rate: 200, for: 3_000, peak: 1, warmup: 0 };

function times(plan: Plan): number[] {
  const { due } = schedule(plan);
  const all: number[] = [];
  for (let time = due(0); time !== undefined; time = due(all.length)) all.push(time);
  return all;
}

const between = (all: readonly number[], from: number, to: number): number =>
  all.filter((time) => time >= from && time < to).length;

describe('a schedule', () => {
  test('spaces the calls of a second evenly', () => {
    const all = times(plan);
    expect(all).toHaveLength(600);
    expect(all[0]).toBe(0);
    const gaps = all.slice(1).map((time, index) => time - all[index]!);
    expect(Math.max(...gaps)).toBeCloseTo(5, 6);
    expect(Math.min(...gaps)).toBeCloseTo(5, 6);
  });

  test('has the calls of the warm-up before the others, which do not count', () => {
    const { phases, duration } = schedule({ ...plan, warmup: 1_000 });
    expect(duration).toBe(4_000);
    expect(phases.map(({ start, length, counted }) => ({ start, length, counted }))).toEqual([
      { start: 0, length: 1_000, counted: false },
      { start: 1_000, length: 3_000, counted: true },
    ]);
    expect(times({ ...plan, warmup: 1_000 })).toHaveLength(800);
  });

  test('holds the rate for a third, rises evenly, and holds the peak', () => {
    const all = times({ ...plan, peak: 1.5 });
    expect(between(all, 0, 1_000)).toBe(200);
    expect(between(all, 1_000, 2_000)).toBe(250);
    expect(between(all, 2_000, 3_000)).toBe(300);
    expect(Math.abs(between(all, 1_000, 1_500) - 112)).toBeLessThanOrEqual(1);
    expect(all.every((time, index) => index === 0 || time > all[index - 1]!)).toBe(true);
    expect(schedule({ ...plan, peak: 1.5 }).phases.map(({ name }) => name)).toEqual([
      '200/s',
      'rising to 300/s',
      '300/s',
    ]);
  });

  test.each([
    { rate: 0.5, for: 10_000, calls: 5 },
    { rate: 0.3, for: 1_000, calls: 1 },
    { rate: 3.7, for: 10_000, calls: 37 },
    { rate: 12_345, for: 1_000, calls: 12_345 },
  ])('has $calls calls at $rate/s within $for ms', ({ calls, ...rest }) => {
    expect(times({ ...plan, ...rest })).toHaveLength(calls);
  });

  test('has a place between two calls, for those of a second contender', () => {
    expect(schedule(plan).due(0.5)).toBeCloseTo(2.5, 6);
  });
});
