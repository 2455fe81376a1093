import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { exitsByItself } from '../../support/sockets.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Made anew, so that the platform's timers are those that are there now. */
async function alarms() {
  return import('../../../src/core/engine/timers.ts');
}

describe('an alarm', () => {
  test.each([1, 99, 100, 101, 149, 150, 1_000, 30_000])('rings once, after its %d ms', async (ms) => {
    const { SharedTimer } = await alarms();
    const ring = vi.fn();
    void new SharedTimer(ms, ring);
    vi.advanceTimersByTime(ms - 1);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100_000);
    expect(ring).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([0, 49, 50, 51, 99, 100, 999])('that is cancelled after %d of its 1,000 ms never rings', async (ms) => {
    const { SharedTimer } = await alarms();
    const ring = vi.fn();
    const alarm = new SharedTimer(1_000, ring);
    vi.advanceTimersByTime(ms);
    alarm.cancel();
    alarm.cancel();
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(100_000);
    expect(ring).not.toHaveBeenCalled();
  });

  test('keeps its time whenever it was set and whoever stands before it', async () => {
    const { SharedTimer } = await alarms();
    const rung: string[] = [];
    for (let at = 0; at < 200; at += 7) {
      for (const ms of [120, 500]) {
        const due = performance.now() + ms;
        void new SharedTimer(ms, () => rung.push(`${due} at ${performance.now()}`));
      }
      const soon = new SharedTimer(500, () => rung.push('cancelled'));
      vi.advanceTimersByTime(7);
      soon.cancel();
    }
    vi.advanceTimersByTime(1_000);
    expect(rung).toHaveLength(58);
    for (const line of rung) expect(line).toBe(line.replace(/(.*) at .*/, '$1 at $1'));
  });

  test('shares one timer with all that have just been set', async () => {
    const { SharedTimer } = await alarms();
    const set = Array.from({ length: 100 }, (_, index) => new SharedTimer(1_000 + index, () => undefined));
    expect(vi.getTimerCount()).toBe(1);
    for (const alarm of set) alarm.cancel();
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is a timer of its own where a test has put its clock in the place of the platform’s', async () => {
    vi.useRealTimers();
    const { SharedTimer } = await alarms();
    vi.useFakeTimers();
    const ring = vi.fn();
    void new SharedTimer(1_000, ring);
    vi.clearAllTimers();
    void new SharedTimer(1_000, ring);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(ring).toHaveBeenCalledOnce();
  });

  test('longer than a platform’s timer can hold never rings, and needs none', async () => {
    const { SharedTimer } = await alarms();
    void new SharedTimer(2 ** 31, () => expect.unreachable());
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that is idle keeps no process alive, and any other does until it rings', async () => {
    vi.useRealTimers();
    const at = "import { SharedTimer } from './src/core/engine/timers.ts'; const ring = () => console.log('rung');";
    const [idle, awake] = await Promise.all([
      exitsByItself(`${at} new SharedTimer(60_000, ring, true);`),
      exitsByItself(`${at} new SharedTimer(150, ring);`),
    ]);
    expect(idle).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(awake).toMatchObject({ code: 0, signal: null, stdout: 'rung\n' });
  });
});
