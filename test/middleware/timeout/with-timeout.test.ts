import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LazyAbortController } from '../../../src/core/engine/lazy-abort.ts';
import type { withTimeout as WithTimeout } from '../../../src/middleware/timeout/with-timeout.ts';
import { contextOf } from '../../support/context.ts';

const race = vi.hoisted(() => vi.fn());
vi.mock(import('p-timeout'), async (original) => {
  const actual = await original();
  return { ...actual, default: race.mockImplementation(actual.default) };
});

let withTimeout: typeof WithTimeout;

function start(ms: number) {
  const caller = new AbortController();
  let respond!: (response: Response) => void;
  let fail!: (error: unknown) => void;
  const response = new Promise<Response>((resolve, reject) => {
    respond = resolve;
    fail = reject;
  });
  const expire = vi.fn(() => 'too late');
  const ctx = contextOf({ signal: caller.signal });
  const settled = withTimeout(response, ms, ctx, expire).catch((error: unknown) => error);
  return { caller, respond, fail, expire, settled };
}

/** A response that would be cancelled if it were discarded. */
function longResponse() {
  const cancel = vi.fn();
  return {
    cancel,
    response: new Response(new ReadableStream({ cancel }), { headers: { 'content-length': '100000' } }),
  };
}

describe.each(['of the platform', 'of a test'])('with timers %s, a response under a limit', (whose) => {
  beforeEach(async () => {
    vi.resetModules();
    race.mockClear();
    if (whose === 'of a test') ({ withTimeout } = await import('../../../src/middleware/timeout/with-timeout.ts'));
    vi.useFakeTimers();
    // The module takes the timers that are installed while it is loaded for the platform's.
    if (whose === 'of the platform')
      ({ withTimeout } = await import('../../../src/middleware/timeout/with-timeout.ts'));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    [0, 50],
    [1, 50],
    [49, 50],
    [0, 500],
    [149, 500],
    [150, 500],
    [499, 500],
  ])('is the result if it comes after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { respond, expire, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    const response = new Response();
    respond(response);
    expect(await settled).toBe(response);
    await vi.advanceTimersByTimeAsync(50); // the scan of the list
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test.each([
    [0, 50],
    [49, 50],
    [0, 500],
    [499, 500],
  ])('rejects with the error that comes after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { fail, expire, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    fail('no');
    expect(await settled).toBe('no');
    await vi.advanceTimersByTimeAsync(50); // the scan of the list
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test.each([1, 2, 50, 199, 200, 30_000])('expires once, at the end of %d ms', async (ms) => {
    const { expire, settled } = start(ms);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(expire).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(expire).toHaveBeenCalledOnce();
    expect(await settled).toBe('too late');
    await vi.runAllTimersAsync();
    expect(expire).toHaveBeenCalledOnce();
  });

  test.each([
    [0, 50],
    [40, 50],
    [0, 500],
    [400, 500],
  ])('rejects at once with the reason of an abort after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { caller, expire, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    caller.abort('bored');
    expect(await settled).toBe('bored');
    await vi.advanceTimersByTimeAsync(50); // the scan of the list
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test('rejects with the reason of an abort before the beginning', async () => {
    const expire = vi.fn();
    const ctx = new LazyAbortController();
    ctx.abort('gone');
    for (const ms of [50, 500, Infinity]) {
      const never = new Promise<Response>(() => {});
      await expect(withTimeout(never, ms, ctx, expire)).rejects.toBe('gone');
    }
    await vi.advanceTimersByTimeAsync(50);
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });

  test.each([50, 500])('is discarded if it comes after the limit of %d ms', async (limit) => {
    const { respond, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(limit);
    expect(await settled).toBe('too late');
    const { response, cancel } = longResponse();
    respond(response);
    await vi.advanceTimersByTimeAsync(0);
    expect(cancel).toHaveBeenCalledOnce();
  });

  test.each([0, 400])('is discarded if it comes after an abort at %d ms of 500', async (ms) => {
    const { caller, respond, settled } = start(500);
    await vi.advanceTimersByTimeAsync(ms);
    caller.abort('bored');
    expect(await settled).toBe('bored');
    const { response, cancel } = longResponse();
    respond(response);
    await vi.advanceTimersByTimeAsync(0);
    expect(cancel).toHaveBeenCalledOnce();
  });

  test.each([Infinity, 2 ** 31])('needs no timer for a limit of %d ms', (ms) => {
    start(ms);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('p-timeout', () => {
  beforeEach(async () => {
    vi.resetModules();
    race.mockClear();
    vi.useFakeTimers();
    ({ withTimeout } = await import('../../../src/middleware/timeout/with-timeout.ts'));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('does not run for a response that comes within 150 ms', async () => {
    const { respond, settled } = start(500);
    await vi.advanceTimersByTimeAsync(149);
    respond(new Response());
    await settled;
    await vi.advanceTimersByTimeAsync(500);
    expect(race).not.toHaveBeenCalled();
  });

  test.each([
    ['abort', ({ caller }: ReturnType<typeof start>) => caller.abort('bored')],
    ['error', ({ fail }: ReturnType<typeof start>) => fail('no')],
  ])('does not run after an %s within 150 ms', async (_, end) => {
    const started = start(500);
    await vi.advanceTimersByTimeAsync(149);
    end(started);
    await started.settled;
    await vi.advanceTimersByTimeAsync(500);
    expect(race).not.toHaveBeenCalled();
  });

  test('runs the race with what is left of the limit, by the only timer there is', async () => {
    start(500);
    await vi.advanceTimersByTimeAsync(150);
    expect(race).toHaveBeenCalledExactlyOnceWith(
      expect.any(Promise),
      expect.objectContaining({ milliseconds: 350, signal: expect.any(AbortSignal) }),
    );
    expect(vi.getTimerCount()).toBe(1);
  });

  test('runs the race from the beginning for a limit below 200 ms', () => {
    start(199);
    expect(race).toHaveBeenCalledExactlyOnceWith(
      expect.any(Promise),
      expect.objectContaining({ milliseconds: 199, signal: expect.any(AbortSignal) }),
    );
    expect(vi.getTimerCount()).toBe(1);
  });

  test('expires at once where the event loop was blocked until after the limit', async () => {
    const { expire, settled } = start(500);
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
    await vi.advanceTimersByTimeAsync(151);
    expect(await settled).toBe('too late');
    expect(expire).toHaveBeenCalledOnce();
    vi.restoreAllMocks();
  });
});
