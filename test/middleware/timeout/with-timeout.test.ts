import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LazyAbortController } from '../../../src/core/engine/lazy-abort.ts';
import type { withTimeout as WithTimeout } from '../../../src/middleware/timeout/with-timeout.ts';

let withTimeout: typeof WithTimeout;

function start(ms: number) {
  const work = new LazyAbortController();
  let answer!: (response: Response) => void;
  let fail!: (error: unknown) => void;
  const below = new Promise<Response>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  const expire = vi.fn(() => 'too late');
  const arrived = vi.fn((response: Response) => response);
  const settled = withTimeout(ms, { ctx: work, below, arrived, expire }).catch((error: unknown) => error);
  return { work, answer, fail, expire, arrived, settled };
}

describe.each(['of the platform', 'of a test'])('within a limit, by timers %s', (whose) => {
  beforeEach(async () => {
    vi.resetModules();
    if (whose === 'of a test') ({ withTimeout } = await import('../../../src/middleware/timeout/with-timeout.ts'));
    vi.useFakeTimers();
    // What the module sees when it is loaded is the platform's to it.
    if (whose === 'of the platform')
      ({ withTimeout } = await import('../../../src/middleware/timeout/with-timeout.ts'));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([0, 1, 49])('an answer after %d ms of 50 is handed on, and leaves no timer', async (ms) => {
    const { answer, arrived, expire, settled } = start(50);
    await vi.advanceTimersByTimeAsync(ms);
    const response = new Response();
    answer(response);
    expect(await settled).toBe(response);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(arrived).toHaveBeenCalledOnce();
    expect(expire).not.toHaveBeenCalled();
  });

  test.each([0, 49])('an error after %d ms of 50 is the error, and leaves no timer', async (ms) => {
    const { fail, expire, settled } = start(50);
    await vi.advanceTimersByTimeAsync(ms);
    fail('no');
    expect(await settled).toBe('no');
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test.each([1, 2, 50, 51, 30_000])('of %d ms nothing expires at its end, and once', async (ms) => {
    const { expire, settled } = start(ms);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(expire).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(expire).toHaveBeenCalledOnce();
    expect(await settled).toBe('too late');
    await vi.runAllTimersAsync();
    expect(expire).toHaveBeenCalledOnce();
  });

  test.each([0, 40])('an abort after %d ms of 50 rejects at once, and leaves no timer', async (ms) => {
    const { work, expire, settled } = start(50);
    await vi.advanceTimersByTimeAsync(ms);
    work.abort('bored');
    expect(await settled).toBe('bored');
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test('an answer that comes after it is let go', async () => {
    const { answer, arrived, settled } = start(50);
    await vi.advanceTimersByTimeAsync(50);
    expect(await settled).toBe('too late');
    const cancel = vi.fn();
    answer(new Response(new ReadableStream({ cancel }), { headers: { 'content-length': '100000' } }));
    await vi.advanceTimersByTimeAsync(0);
    expect(cancel).toHaveBeenCalledOnce();
    expect(arrived).not.toHaveBeenCalled();
  });

  test('what handing on throws is the error', async () => {
    const { answer, arrived, settled } = start(50);
    arrived.mockImplementation(() => {
      throw new Error('no history');
    });
    answer(new Response());
    expect(await settled).toEqual(new Error('no history'));
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([Infinity, 2 ** 31])('a limit of %d ms needs no timer', (ms) => {
    start(ms);
    expect(vi.getTimerCount()).toBe(0);
  });
});
