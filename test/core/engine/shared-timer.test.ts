import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { exitsByItself } from '../../support/sockets.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Loaded anew: the timers that are installed now are the platform's to the module. */
async function load() {
  return import('../../../src/core/engine/timers.ts');
}

describe('a shared timer', () => {
  test.each([1, 199, 200, 201, 249, 250, 1_000, 30_000])('runs once, after its %d ms', async (ms) => {
    const { after, SharedTimer } = await load();
    const run = vi.fn();
    void new SharedTimer(ms, run, after);
    vi.advanceTimersByTime(ms - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100_000);
    expect(run).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([0, 49, 50, 149, 150, 199, 200, 999])(
    'never runs if it is cancelled after %d of its 1,000 ms',
    async (ms) => {
      const { after, SharedTimer } = await load();
      const run = vi.fn();
      const timer = new SharedTimer(1_000, run, after);
      vi.advanceTimersByTime(ms);
      timer.cancel();
      timer.cancel();
      vi.advanceTimersByTime(50);
      expect(vi.getTimerCount()).toBe(0);
      vi.advanceTimersByTime(100_000);
      expect(run).not.toHaveBeenCalled();
    },
  );

  test('runs on time, independent of its start and of the timers before it in the list', async () => {
    const { after, SharedTimer } = await load();
    const runs: { due: number; at: number }[] = [];
    for (let at = 0; at < 200; at += 7) {
      for (const ms of [120, 220, 500]) {
        const due = performance.now() + ms;
        void new SharedTimer(ms, () => runs.push({ due, at: performance.now() }), after);
      }
      const cancelled = new SharedTimer(500, () => expect.unreachable(), after);
      vi.advanceTimersByTime(7);
      cancelled.cancel();
    }
    vi.advanceTimersByTime(1_000);
    expect(runs).toHaveLength(87);
    for (const { due, at } of runs) expect(at).toBe(due);
  });

  test('shares one platform timer with the others in the list', async () => {
    const { after, SharedTimer } = await load();
    const timers = Array.from({ length: 100 }, (_, index) => new SharedTimer(1_000 + index, () => undefined, after));
    expect(vi.getTimerCount()).toBe(1);
    for (const timer of timers) timer.cancel();
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    [199, 0, 199],
    [200, 150, 50],
    [1_000, 150, 850],
  ])('of %d ms calls `start` after %d ms, with the %d ms that are left', async (ms, at, left) => {
    const { SharedTimer } = await load();
    const start = vi.fn(() => undefined);
    const run = vi.fn();
    void new SharedTimer(ms, run, start);
    if (at > 0) vi.advanceTimersByTime(at - 1);
    expect(start).toHaveBeenCalledTimes(at === 0 ? 1 : 0);
    vi.advanceTimersByTime(1);
    expect(start).toHaveBeenCalledExactlyOnceWith(left, run);
  });

  test('stays in the list until the first scan after 150 ms', async () => {
    const { SharedTimer } = await load();
    const start = vi.fn(() => undefined);
    void new SharedTimer(1_000, () => undefined, start);
    vi.advanceTimersByTime(30);
    void new SharedTimer(1_000, () => undefined, start);
    vi.advanceTimersByTime(169);
    expect(start).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(start.mock.calls).toEqual([
      [850, expect.any(Function)],
      [830, expect.any(Function)],
    ]);
  });

  test('runs on time after the list has been empty', async () => {
    const { after, SharedTimer } = await load();
    new SharedTimer(1_000, () => expect.unreachable(), after).cancel();
    vi.advanceTimersByTime(50);
    const run = vi.fn();
    void new SharedTimer(1_000, run, after);
    vi.advanceTimersByTime(1_000);
    expect(run).toHaveBeenCalledOnce();
  });

  test('has a platform timer of its own while a test’s fake timers are installed', async () => {
    vi.useRealTimers();
    const { after, SharedTimer } = await load();
    vi.useFakeTimers();
    const run = vi.fn();
    void new SharedTimer(1_000, run, after);
    vi.clearAllTimers();
    void new SharedTimer(1_000, run, after);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(run).toHaveBeenCalledOnce();
  });

  test('never runs after more than a platform timer holds, and needs no timer', async () => {
    const { after, SharedTimer } = await load();
    void new SharedTimer(2 ** 31, () => expect.unreachable(), after);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('keeps a process alive until it runs if `start` does, and only while it is in the list if not', async () => {
    vi.useRealTimers();
    const code = (ms: number, start: string): string => `
      import { SharedTimer, ${start} } from './src/core/engine/timers.ts';
      new SharedTimer(${ms}, () => console.log('run'), ${start});`;
    const [idle, awake] = await Promise.all([
      exitsByItself(code(60_000, 'afterUnref')),
      exitsByItself(code(250, 'after')),
    ]);
    expect(idle).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(awake).toMatchObject({ code: 0, signal: null, stdout: 'run\n' });
  });
});
