import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { after, afterUnref, longestDelay, sleep } from '../../../src/core/engine/timers.ts';
import { exitsByItself } from '../../support/sockets.ts';

/** How a promise stands once all that is due has run. */
async function standing(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.then(
      () => 'resolved',
      (error: unknown) => error,
    ),
    tick().then(() => 'pending'),
  ]);
}

async function tick(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('timer', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test.for([after, afterUnref])('runs once, when the time has come: %o', (start) => {
    const run = vi.fn<() => void>();
    start(300, run);
    vi.advanceTimersByTime(299);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(10_000);
    expect(run).toHaveBeenCalledOnce();
  });

  test.for([after, afterUnref])('never runs after more than a platform timer holds: %o', (start) => {
    const run = vi.fn<() => void>();
    for (const ms of [Infinity, Number.MAX_VALUE, 2 ** 31]) expect(start(ms, run)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('runs after the longest delay that a platform timer holds', () => {
    const run = vi.fn<() => void>();
    after(longestDelay, run);
    vi.advanceTimersByTime(2 ** 31 - 2);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
  });

  test.for([0, -1, -Infinity])('runs at once, but not at this moment, after %d', (ms) => {
    const run = vi.fn<() => void>();
    after(ms, run);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0);
    expect(run).toHaveBeenCalledOnce();
  });

  test('keeps no process alive when it is idle', async () => {
    const exit = await exitsByItself(`
      import { afterUnref } from './src/core/engine/timers.ts';
      afterUnref(60_000, () => console.log('too late'));
      console.log('done');
    `);
    expect(exit).toMatchObject({ code: 0, stdout: 'done\n' });
  });

  test('sleeps for as long as it is told', async () => {
    const slept = sleep(300, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(299);
    expect(await standing(slept)).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(await standing(slept)).toBe('resolved');
  });

  test.for([0, -1])('does not sleep for %d', async (ms) => {
    const signal = new AbortController().signal;
    await expect(sleep(ms, signal)).resolves.toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('wakes to an abort at once, with its reason', async () => {
    const controller = new AbortController();
    const slept = sleep(300, controller.signal);
    await vi.advanceTimersByTimeAsync(100);
    controller.abort('enough');
    await expect(slept).rejects.toBe('enough');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not fall asleep under an aborted signal, not even for 0', async () => {
    const signal = AbortSignal.abort('enough');
    await expect(sleep(300, signal)).rejects.toBe('enough');
    await expect(sleep(0, signal)).rejects.toBe('enough');
  });

  test('sleeps until the abort when it is told to sleep for ever', async () => {
    const controller = new AbortController();
    const slept = sleep(Infinity, controller.signal);
    await vi.advanceTimersByTimeAsync(2 ** 32);
    expect(await standing(slept)).toBe('pending');
    controller.abort('enough');
    await expect(slept).rejects.toBe('enough');
  });

  test('leaves no listener behind, whether it slept or was woken', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const slept = sleep(300, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    await slept;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);

    const woken = sleep(300, signal);
    controller.abort('enough');
    await expect(woken).rejects.toBe('enough');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
