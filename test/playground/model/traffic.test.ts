import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';

import { createTraffic } from '../../../playground/model/traffic.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Ten calls a second, of which the first keeps the thread busy for so many ms. */
function busyFor(ms: number): ReturnType<typeof createTraffic> {
  let calls = 0;
  const traffic = createTraffic(10, () => {
    calls += 1;
    if (calls === 1) vi.advanceTimersByTime(ms);
  });
  onTestFinished(() => traffic.stop());
  return traffic;
}

test('makes its calls in time while the thread is free', async () => {
  const traffic = busyFor(0);
  expect(traffic.lateness()).toBe(0);
  traffic.start();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(traffic.lateness()).toBeLessThan(1);
});

test('reports for a second how late it made the calls of a thread that was busy', async () => {
  const traffic = busyFor(500);
  traffic.start();
  await vi.advanceTimersByTimeAsync(10);
  expect(traffic.lateness()).toBeGreaterThan(100); // five calls, late by 400 to 0 ms
  await vi.advanceTimersByTimeAsync(1_000);
  expect(traffic.lateness()).toBeLessThan(1);
});
