import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { after, afterUnref, longestDelay, sleep } from '../../../src/core/engine/timers.ts';
import { exitsByItself } from '../../support/sockets.ts';

/** The state of a promise once every timer that is due has run. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
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

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('a timer', () => {
  test.each([after, afterUnref])('of $name runs once, after its delay', (start) => {
    const run = vi.fn<() => void>();
    start(300, run);
    vi.advanceTimersByTime(299);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(10_000);
    expect(run).toHaveBeenCalledOnce();
  });

  test.each([after, afterUnref])('of $name never runs after a delay that a platform timer cannot hold', (start) => {
    const run = vi.fn<() => void>();
    for (const ms of [Infinity, Number.MAX_VALUE, 2 ** 31]) expect(start(ms, run)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of after runs after the longest delay that a platform timer can hold', () => {
    const run = vi.fn<() => void>();
    after(longestDelay, run);
    vi.advanceTimersByTime(2 ** 31 - 2);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
  });

  test.for([0, -1, -Infinity])('of after runs as soon as the present code has ended, after a delay of %d', (ms) => {
    const run = vi.fn<() => void>();
    after(ms, run);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0);
    expect(run).toHaveBeenCalledOnce();
  });

  test('of afterUnref keeps no process alive', async () => {
    const exit = await exitsByItself(`
      import { afterUnref } from './src/core/engine/timers.ts';
      afterUnref(60_000, () => console.log('too late'));
      console.log('done');
    `);
    expect(exit).toMatchObject({ code: 0, stdout: 'done\n' });
  });
});

describe('sleep', () => {
  test('resolves after its delay', async () => {
    const slept = sleep(300, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(299);
    expect(await stateOf(slept)).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(await stateOf(slept)).toBe('resolved');
  });

  test.for([0, -1])('resolves at once, without a listener, for a delay of %d', async (ms) => {
    const signal = new AbortController().signal;
    await expect(sleep(ms, signal)).resolves.toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('rejects at once with the reason of an abort', async () => {
    const controller = new AbortController();
    const slept = sleep(300, controller.signal);
    await vi.advanceTimersByTimeAsync(100);
    controller.abort('enough');
    await expect(slept).rejects.toBe('enough');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rejects at once under an aborted signal, also for a delay of 0', async () => {
    const signal = AbortSignal.abort('enough');
    await expect(sleep(300, signal)).rejects.toBe('enough');
    await expect(sleep(0, signal)).rejects.toBe('enough');
  });

  test('with an infinite delay ends at the abort', async () => {
    const controller = new AbortController();
    const slept = sleep(Infinity, controller.signal);
    await vi.advanceTimersByTimeAsync(2 ** 32);
    expect(await stateOf(slept)).toBe('pending');
    controller.abort('enough');
    await expect(slept).rejects.toBe('enough');
  });

  test('leaves no listener on the signal, after its delay or after an abort', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const slept = sleep(300, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    await slept;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);

    const aborted = sleep(300, signal);
    controller.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
