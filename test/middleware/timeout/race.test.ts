import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createFetch, timeout, type KyoaEvent } from '../../../src/index.ts';
import { observe } from '../../../src/middleware/observe.ts';
import { contextOf } from '../../support/context.ts';
import { url } from '../../support/http.ts';

const race = vi.hoisted(() => vi.fn());
vi.mock(import('p-timeout'), async (original) => {
  const actual = await original();
  return { ...actual, default: race.mockImplementation(actual.default) };
});

/** A call under a limit, over a transport that ignores its signal. */
function start(headers: number) {
  const caller = new AbortController();
  let respond!: (response: Response) => void;
  let fail!: (error: unknown) => void;
  const response = new Promise<Response>((resolve, reject) => {
    respond = resolve;
    fail = reject;
  });
  const expired: KyoaEvent[] = [];
  const record = (event: KyoaEvent): void => {
    if (event.type === 'timeout.exceeded') expired.push(event);
  };
  const fetch = createFetch({ use: [observe(record), timeout({ headers })], fetch: () => response });
  const settled = fetch(url, { signal: caller.signal }).catch((error: unknown) => error);
  return { caller, respond, fail, expired, settled };
}

const tooLate = { code: 'TIMEOUT', phase: 'headers' };

/** A response that would be cancelled if it were discarded. */
function longResponse() {
  const cancel = vi.fn();
  return {
    cancel,
    response: new Response(new ReadableStream({ cancel }), { headers: { 'content-length': '100000' } }),
  };
}

beforeEach(() => {
  race.mockClear();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a response under a limit', () => {
  test.each([
    [0, 50],
    [1, 50],
    [49, 50],
    [0, 500],
    [149, 500],
    [150, 500],
    [499, 500],
  ])('is the result if it comes after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { respond, expired, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    const response = new Response();
    respond(response);
    expect(await settled).toBe(response);
    expect(vi.getTimerCount()).toBe(0);
    expect(expired).toEqual([]);
  });

  test.each([
    [0, 50],
    [49, 50],
    [0, 500],
    [499, 500],
  ])('rejects with the error that comes after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { fail, expired, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    fail('no');
    expect(await settled).toBe('no');
    expect(vi.getTimerCount()).toBe(0);
    expect(expired).toEqual([]);
  });

  test.each([1, 2, 50, 199, 200, 30_000])('expires once, at the end of %d ms', async (ms) => {
    const { expired, settled } = start(ms);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(expired).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(expired).toHaveLength(1);
    expect(await settled).toMatchObject(tooLate);
    await vi.runAllTimersAsync();
    expect(expired).toHaveLength(1);
  });

  test.each([
    [0, 50],
    [40, 50],
    [0, 500],
    [400, 500],
  ])('rejects at once with the reason of an abort after %d ms of %d, and leaves no timer', async (ms, limit) => {
    const { caller, expired, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(ms);
    caller.abort('bored');
    expect(await settled).toBe('bored');
    expect(vi.getTimerCount()).toBe(0);
    expect(expired).toEqual([]);
  });

  test.each([50, 500, 2 ** 31])('rejects with the reason of an abort before the beginning, of %d ms', async (ms) => {
    const ctx = contextOf({ signal: AbortSignal.abort('gone') });
    const hangs = (): Promise<Response> => new Promise(() => {});
    await expect(timeout({ headers: ms })(ctx, hangs)).rejects.toBe('gone');
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([50, 500])('is discarded if it comes after the limit of %d ms', async (limit) => {
    const { respond, settled } = start(limit);
    await vi.advanceTimersByTimeAsync(limit);
    expect(await settled).toMatchObject(tooLate);
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
  test.each([
    ['a response', ({ respond }: ReturnType<typeof start>) => respond(new Response())],
    ['an abort', ({ caller }: ReturnType<typeof start>) => caller.abort('bored')],
    ['an error', ({ fail }: ReturnType<typeof start>) => fail('no')],
  ])('does not run if %s comes before the last millisecond', async (_, end) => {
    const started = start(500);
    await vi.advanceTimersByTimeAsync(498);
    end(started);
    await started.settled;
    await vi.advanceTimersByTimeAsync(500);
    expect(race).not.toHaveBeenCalled();
  });

  test.each([
    [500, 499, 1],
    [1, 0, 1],
    [0.5, 0, 0.5],
  ])('runs the race of %d ms after %d ms for the rest, by the only timer there is', async (ms, at, milliseconds) => {
    start(ms);
    if (at > 0) await vi.advanceTimersByTimeAsync(at);
    expect(race).toHaveBeenCalledExactlyOnceWith(
      expect.any(Promise),
      expect.objectContaining({ milliseconds, signal: expect.any(AbortSignal) }),
    );
    expect(vi.getTimerCount()).toBe(1);
  });

  test.each([
    ['a response', ({ respond }: ReturnType<typeof start>) => respond(new Response()), expect.any(Response)],
    ['an abort', ({ caller }: ReturnType<typeof start>) => caller.abort('bored'), 'bored'],
    ['an error', ({ fail }: ReturnType<typeof start>) => fail('no'), 'no'],
  ])('lets %s of the last millisecond win, and leaves no timer', async (_, end, result) => {
    const started = start(500);
    await vi.advanceTimersByTimeAsync(499);
    end(started);
    expect(await started.settled).toEqual(result);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(started.expired).toEqual([]);
  });

  test('races the last byte under `total`, also if the headers come in the last millisecond', async () => {
    const fetch = createFetch({
      use: [timeout(100)],
      fetch: async () => {
        await new Promise((resolve) => setTimeout(resolve, 99));
        return new Response(new ReadableStream());
      },
    });
    const text = fetch(url).then((response) => response.text());
    const error = text.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(99);
    expect(race).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(1);
    expect(await error).toMatchObject({ phase: 'total', limit: 100, elapsed: 100 });
  });
});
