import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { within } from '../../src/lib/within.ts';

describe('within a limit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const slow = new Promise<Response>(() => {});
  const late = new Error('too late');

  test('an answer is the answer, and the timer runs on until somebody clears it', async () => {
    const response = new Response('good');
    const expire = vi.fn(() => late);
    const { answer, timer } = within(50, Promise.resolve(response), expire);
    expect(await answer).toBe(response);
    expect(vi.getTimerCount()).toBe(1);
    clearTimeout(timer);
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test('none rejects with what is made of it at that moment', async () => {
    const expire = vi.fn(() => late);
    const { answer } = within(50, slow, expire);
    const settled = answer.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(49);
    expect(expire).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await settled).toBe(late);
  });

  test.each([Infinity, 2 ** 31])('a limit of %d ms needs no timer', (ms) => {
    expect(within(ms, slow, () => late).timer).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});
