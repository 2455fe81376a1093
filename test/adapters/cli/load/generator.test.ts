/** How calls are sent: on time, at once after a delay of the process itself, or one after the other. */
import { setImmediate as turn } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { closedLoop, openLoop, type Lane } from '../../../../adapters/cli/load/generator.ts';
import { Recorder } from '../../../../adapters/cli/load/recorder.ts';
import { schedule } from '../../../../adapters/cli/load/schedule.ts';

const plan = schedule({ rate: 1_000, for: 300, peak: 1, warmup: 0 });

function laneOf(call: (index: number) => Promise<string | undefined>): Lane {
  let index = 0;
  const contender = { name: 'it', transport: 'none', requests: () => index, close: async () => {} };
  return { contender: { ...contender, call: () => call((index += 1)) }, recorder: new Recorder(plan.phases, 100) };
}

function clock(): () => number {
  const origin = performance.now();
  return () => performance.now() - origin;
}

const never = new AbortController().signal;

describe('the open loop', () => {
  test('sends no call before it is due', async () => {
    const now = clock();
    const early: number[] = [];
    const lane = laneOf(async (index) => {
      if (now() < plan.due(index - 1)!) early.push(index);
      return undefined;
    });
    await openLoop([lane], plan, now, 1_000, never);
    await turn();
    expect([lane.recorder.calls, early]).toEqual([300, []]);
  });

  test('sends what it missed at once, and counts from when it was due', async () => {
    const now = clock();
    const lane = laneOf(async (index) => {
      const end = now() + 100;
      while (index === 50 && now() < end);
      return undefined;
    });
    await openLoop([lane], plan, now, 1_000, never);
    await turn();
    const { latencies, lateness, calls } = lane.recorder;
    expect(calls).toBe(300);
    expect(lateness.percentiles().max).toBeGreaterThan(95);
    // 100 of the 300 calls were due in that time.
    expect(latencies.quantile(0.9)).toBeGreaterThan(50);
  });

  test('sends the calls of two lanes in turn', async () => {
    const order: string[] = [];
    const lanes = ['a', 'b'].map((name) => laneOf(async () => void order.push(name)));
    await openLoop(lanes, plan, clock(), 1_000, never);
    expect(order.slice(0, 4)).toEqual(['a', 'b', 'a', 'b']);
    expect(order).toHaveLength(600);
  });

  test('ends when the signal aborts', async () => {
    const stop = new AbortController();
    const lane = laneOf(async (index) => {
      if (index === 10) stop.abort();
      return undefined;
    });
    await openLoop([lane], plan, clock(), 1_000, stop.signal);
    expect(lane.recorder.begun).toBe(10);
  });
});

describe('the closed loop', () => {
  test('keeps so many calls in flight, and never more', async () => {
    const stop = new AbortController();
    let most = 0;
    let inFlight = 0;
    const lane = laneOf(async (index) => {
      if (index === 50) stop.abort();
      inFlight += 1;
      most = Math.max(most, inFlight);
      await turn();
      inFlight -= 1;
      return undefined;
    });
    await closedLoop([lane], 5, 60_000, clock(), stop.signal);
    expect([most, inFlight]).toEqual([5, 0]);
    expect(lane.recorder.calls).toBeGreaterThanOrEqual(50);
  });
});
