import { getEventListeners } from 'node:events';
import { mock } from 'node:test';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { after, afterRest, afterUnref, LimitTimer, longestDelay, sleep } from '../../../src/core/engine/timers.ts';
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

describe('the timer of a limit', () => {
  const limited = (ms: number, run: () => void): LimitTimer => new LimitTimer(ms, (rest) => afterRest(rest, run));

  test.each([1, 2, 50, 199, 30_000, longestDelay])('runs once, after its %d ms', (ms) => {
    const run = vi.fn<() => void>();
    limited(ms, run);
    vi.advanceTimersByTime(ms - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100_000);
    expect(run).toHaveBeenCalledOnce();
  });

  test.each([
    [1_000, 999, 1],
    [20.4, 20, 1],
    [1.5, 1, 1],
    [1, 0, 1],
    [0.5, 0, 0.5],
    [0, 0, 0],
  ])('of %d ms has a rest after %d ms, of %d', (ms, at, rest) => {
    const last = vi.fn<() => undefined>();
    void new LimitTimer(ms, last);
    if (at >= 1) vi.advanceTimersByTime(at - 1);
    expect(last).toHaveBeenCalledTimes(at === 0 ? 1 : 0);
    vi.advanceTimersByTime(1);
    expect(last).toHaveBeenCalledExactlyOnceWith(rest);
  });

  test.each([0, 0.3, 0.9])('has the whole rest if its first timer runs %d ms early', (early) => {
    const last = vi.fn<() => undefined>();
    const now = vi.spyOn(performance, 'now').mockReturnValueOnce(performance.now() + early);
    void new LimitTimer(60.5, last);
    vi.advanceTimersByTime(60);
    now.mockRestore();
    const waited = 60 - early;
    expect(last).toHaveBeenCalledExactlyOnceWith(Math.ceil(60.5 - waited));
  });

  test('has no rest if a test moves the timers and not the clock', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const last = vi.fn<() => undefined>();
    void new LimitTimer(1_000, last, 1_000);
    vi.advanceTimersByTime(998);
    expect(last).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(last).toHaveBeenCalledExactlyOnceWith(undefined);
    expect(vi.getTimerCount()).toBe(0);
    vi.useFakeTimers();
  });

  test('runs at one move of the mock timers of `node:test`', () => {
    vi.useRealTimers();
    mock.timers.enable({ apis: ['setTimeout'] });
    const last = vi.fn<() => undefined>();
    void new LimitTimer(1_000, last, 1_000);
    mock.timers.tick(1_000);
    expect(last).toHaveBeenCalledExactlyOnceWith(undefined);
    mock.timers.reset();
    vi.useFakeTimers(); // for the hook after each test
  });

  test.each([0, 500, 998, 999])('never runs if it is cancelled after %d of its 1,000 ms', (ms) => {
    const timer = limited(1_000, () => expect.unreachable());
    vi.advanceTimersByTime(ms);
    timer.cancel();
    timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(100_000);
  });

  test.each([Infinity, 2 ** 31])('never runs after %d ms, and needs no timer', (ms) => {
    limited(ms, () => expect.unreachable());
    expect(vi.getTimerCount()).toBe(0);
  });

  test('lets the event loop read its sockets before it runs, also if other timers are late and slow', async () => {
    vi.useRealTimers();
    const block = (ms: number): void => {
      for (const until = performance.now() + ms; performance.now() < until;);
    };
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      limited(20, () => {
        order.push('limit');
        resolve();
      });
      for (let n = 0; n < 5; n += 1) setTimeout(() => block(3), 19 + n);
      setImmediate(() => {
        block(50);
        setImmediate(() => order.push('sockets'));
      });
    });
    expect(order).toEqual(['sockets', 'limit']);
    vi.useFakeTimers(); // for the hook after each test
  });

  test.each([
    ['no longer than a millisecond', undefined, 30, 1],
    ['for as long as it is late', 80, 30, 30],
    ['for its grace at most', 20, 30, 20],
    ['for no longer if it is not late', 80, 0, 1],
  ])('waits on, %s', (_, grace, late, rest) => {
    const last = vi.fn<() => undefined>();
    const now = performance.now();
    void new LimitTimer(80, last, grace);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 80 + late);
    vi.advanceTimersByTime(79);
    clock.mockRestore();
    expect(last).toHaveBeenCalledExactlyOnceWith(rest);
  });

  test('keeps a process alive until it runs, and not after unref()', async () => {
    const code = (ms: number, unref: string): string => `
      import { after, LimitTimer } from './src/core/engine/timers.ts';
      new LimitTimer(${ms}, (rest) => after(rest, () => console.log('run')))${unref};`;
    const [idle, awake] = await Promise.all([exitsByItself(code(60_000, '.unref()')), exitsByItself(code(250, ''))]);
    expect(idle).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(awake).toMatchObject({ code: 0, signal: null, stdout: 'run\n' });
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
