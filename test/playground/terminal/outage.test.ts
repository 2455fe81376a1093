import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { scheduleOutage } from '../../../playground/terminal/outage.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an outage in a run', () => {
  test('is on for its span, and off before and after', () => {
    const switched: string[] = [];
    scheduleOutage(recorder(switched), { from: 0.6, to: 0.65 }, 10_000);
    vi.advanceTimersByTime(10_000);
    expect(switched).toEqual(['off at 0', 'on at 6000', 'off at 6500']);
  });

  test('is no longer than `longest`', () => {
    const switched: string[] = [];
    scheduleOutage(recorder(switched), { from: 0.5, to: 0.6, longest: 300 }, 60_000);
    vi.advanceTimersByTime(60_000);
    expect(switched).toEqual(['off at 0', 'on at 30000', 'off at 30300']);
  });

  test('leaves no timer when it is cancelled', () => {
    const switched: string[] = [];
    const cancel = scheduleOutage(recorder(switched), { from: 0.6, to: 0.65 }, 10_000);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
    expect(switched).toEqual(['off at 0']);
  });
});

function recorder(log: string[]): { change: (patch: { outage?: boolean }) => void } {
  const start = Date.now();
  return { change: ({ outage }) => void log.push(`${outage ? 'on' : 'off'} at ${Date.now() - start}`) };
}
