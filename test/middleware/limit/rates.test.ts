import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFetch, limit, LimitError, timeout, type Context, type Rate } from '../../../src/index.ts';
import { stub } from '../../support/call.ts';
import { url } from '../../support/http.ts';
import { outcomeOf, reasonOf } from '../../support/promises.ts';

/** An LLM-like request: its tokens are in the query. */
const tokensOf = (ctx: Context): number => Number(new URL(ctx.url).searchParams.get('tokens') ?? 1);
const tokensSpent = (response: Response): number | undefined =>
  response.headers.has('x-tokens') ? Number(response.headers.get('x-tokens')) : undefined;

/** A fetch under these rates, whose server says what each request has cost; and when it received them, ms. */
function upstream(rate: Rate | Rate[], spent: number[] = [], most = 1e9) {
  const started = performance.now();
  const sent: [tokens: string | null, at: number][] = [];
  const policy = limit({ rate });
  const fetch = createFetch({
    use: [timeout(most), policy],
    fetch: async (input) => {
      const { searchParams } = new URL(input instanceof Request ? input.url : input);
      sent.push([searchParams.get('tokens'), performance.now() - started]);
      const cost = spent[sent.length - 1];
      return new Response(null, { headers: cost === undefined ? {} : { 'x-tokens': String(cost) } });
    },
  });
  return { call: (tokens: number) => fetch(`${url}?tokens=${tokens}`), sent, policy };
}

describe('the rates of limit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('all allow a start', async () => {
    const { call, sent } = upstream([
      { count: 2, window: 1_000 },
      { count: 100, window: 10_000, cost: tokensOf },
    ]);
    const all = [10, 10, 10, 80].map(call);
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(all);
    expect(sent).toEqual([
      ['10', 0],
      ['10', 0],
      ['10', 1_000],
      ['80', 10_000],
    ]);
  });

  test('take what a call has cost beyond its estimate from the later calls, and recover', async () => {
    const { call, sent } = upstream({ count: 1_000, window: 60_000, cost: tokensOf, spent: tokensSpent }, [1_900]);
    await call(100);
    const later = call(100);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await later;
    expect(sent).toHaveLength(2);
  });

  test('give back what a call has not cost', async () => {
    const { call, sent } = upstream({ count: 1_000, window: 60_000, cost: tokensOf, spent: tokensSpent }, [100]);
    await call(900);
    await call(900);
    expect(sent.map(([, at]) => at)).toEqual([0, 0]);
  });

  test('keep the estimate if the response does not say what it has cost, or spent throws', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const spent = (response: Response): number | undefined => {
      if (response.headers.has('x-tokens')) throw new Error('not a number');
      return undefined;
    };
    const { call, policy } = upstream({ count: 1_000, window: 60_000, cost: tokensOf, spent }, [1]);
    await call(300);
    await call(200);
    expect(policy.snapshot()['http://api.example']).toMatchObject({ starts: 500 });
    expect(report).toHaveBeenCalledOnce();
    report.mockRestore();
  });

  test('let a call of a cost above the count start alone', async () => {
    const { call, sent } = upstream({ count: 100, window: 1_000, cost: tokensOf });
    const all = [1, 5_000, 1].map(call);
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all(all);
    expect(sent.map(([, at]) => at)).toEqual([0, 1_000, 2_000]);
  });

  test('refuse a call at once that the costs ahead of it let start after its deadline', async () => {
    const { call, sent } = upstream({ count: 100, window: 1_000, cost: tokensOf }, [], 2_500);
    const all = [100, 100, 90].map((cost) => call(cost));
    expect(await reasonOf(call(30))).toBeInstanceOf(LimitError);
    const small = call(5);
    await vi.advanceTimersByTimeAsync(2_500);
    expect((await Promise.all([...all, small])).every(({ ok }) => ok)).toBe(true);
    expect(sent.map(([cost, at]) => [Number(cost), at])).toEqual([
      [100, 0],
      [100, 1_000],
      [90, 2_000],
      [5, 2_000],
    ]);
  });

  test.each([
    [{ count: 1, window: 1, cost: () => -1 }, 'the result of limit rate cost must be a number of 0 or more, got -1'],
    [{ count: 1, window: 1, cost: () => Number.NaN }, 'the result of limit rate cost must be a number of 0 or more'],
  ])('fail the call if cost returns no number', async (rate, message) => {
    const { fetch, sent } = stub([limit({ rate })], () => new Response());
    expect(await outcomeOf(fetch(url))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message),
    });
    expect(sent).toHaveLength(0);
  });

  test.each<[unknown, string]>([
    [[], 'limit rate must be one rate or more, got []'],
    [[{ count: 1 }], 'limit rate window must be a number of milliseconds above 0, got undefined'],
    [{ count: 1, window: 1, costs: 1 }, 'limit rate has no option costs; it has count, window, cost, spent'],
    [{ count: 1, window: 1, cost: 5 }, 'limit rate cost must be a function, got 5'],
    ['100/s', 'limit rate must be an object with any of count, window, cost, spent, got "100/s"'],
  ])('refuse %j', (rate, message) => {
    expect(() => limit({ rate: rate as Rate })).toThrow(message);
  });

  test('are refused with a store that is none', () => {
    const across = {} as never;
    expect(() => limit({ concurrency: 1, across })).toThrow("limit across must be shared(client) of 'kyoa/redis'");
  });
});
