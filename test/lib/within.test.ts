import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { within } from '../../src/lib/within.ts';

const slow = new Promise<Response>(() => {});

describe('within a limit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('an answer that has come by half of it never enters the race', async () => {
    const expire = vi.fn();
    clearTimeout(within(50, Promise.resolve(new Response()), expire));
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(50);
    expect(expire).not.toHaveBeenCalled();
  });

  test('an answer that comes in the second half wins the race, and leaves no timer', async () => {
    const expire = vi.fn();
    let resolve!: (response: Response) => void;
    const answer = new Promise<Response>((settle) => (resolve = settle));
    within(50, answer, expire);
    await vi.advanceTimersByTimeAsync(49);
    resolve(new Response());
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10);
    expect(expire).not.toHaveBeenCalled();
  });

  test('an error in the second half is its owner’s to handle', async () => {
    const expire = vi.fn();
    let reject!: (error: unknown) => void;
    const answer = new Promise<Response>((_, settle) => (reject = settle));
    const handled = answer.catch((error: unknown) => error);
    within(50, answer, expire);
    await vi.advanceTimersByTimeAsync(49);
    reject('no');
    expect(await handled).toBe('no');
    await vi.advanceTimersByTimeAsync(10);
    expect(expire).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([1, 2, 50, 51, 30_000])('of %d ms none expires at its end, and once', async (ms) => {
    const expire = vi.fn();
    within(ms, slow, expire);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(expire).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(expire).toHaveBeenCalledOnce();
    await vi.runAllTimersAsync();
    expect(expire).toHaveBeenCalledOnce();
  });

  test.each([Infinity, 2 ** 31])('a limit of %d ms needs no timer', (ms) => {
    expect(within(ms, slow, () => {})).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});
