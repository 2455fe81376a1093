import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { announced, createFetch, limit, LimitError, timeout } from '../../../src/index.ts';
import { url } from '../../support/http.ts';
import { outcomeOf } from '../../support/promises.ts';

/** A fetch under `announced()`, whose server sends these fields; and when it received the requests, ms from the start. */
function upstream(fields: (request: number) => Record<string, string>, status = 200, maxTime = 1e9) {
  const started = performance.now();
  const sent: number[] = [];
  const policy = limit({ rate: announced(), queue: 1_000 });
  const fetch = createFetch({
    use: [timeout(maxTime), policy],
    fetch: async () => {
      sent.push(performance.now() - started);
      return new Response(null, { status: sent.length === 1 ? status : 200, headers: fields(sent.length) });
    },
  });
  return { fetch, sent, policy };
}

/** The times of the requests after the first one, if there are so many calls at once. */
async function startsAfterFirst(fields: Record<string, string>, calls: number, status = 200): Promise<number[]> {
  const { fetch, sent } = upstream((request) => (request === 1 ? fields : {}), status);
  await fetch(url);
  const all = Array.from({ length: calls }, () => fetch(url));
  await vi.advanceTimersByTimeAsync(200_000);
  await Promise.all(all);
  return sent.slice(1);
}

describe('announced', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each<[string, Record<string, string>]>([
    ['RateLimit', { ratelimit: '"default";r=10;t=20' }],
    [
      'RateLimit with a policy of requests',
      { ratelimit: 'api;r=10;t=20', 'ratelimit-policy': 'api;q=99;w=60;qu="requests"' },
    ],
    ['RateLimit without a reset', { ratelimit: '"a";r=10', 'ratelimit-policy': '"a";q=99;w=20, "b";q=5;w=1' }],
    ['RateLimit-Remaining', { 'ratelimit-remaining': '10', 'ratelimit-reset': '20' }],
    ['X-RateLimit-Remaining', { 'x-ratelimit-remaining': '10', 'x-ratelimit-reset': '1800000020' }],
    ['X-Rate-Limit-Remaining', { 'x-rate-limit-remaining': '10', 'x-rate-limit-reset': '1800000020000' }],
  ])('spreads the requests that remain by %s over the time to the reset', async (_, fields) => {
    const starts = await startsAfterFirst(fields, 4);
    expect(starts[0]).toBe(0);
    expect(starts.map((start) => Math.round(start / 100) / 10)).toEqual([0, 2, 4, 6]);
  });

  test('starts 5 % of what remains at once', async () => {
    const starts = await startsAfterFirst({ ratelimit: '"a";r=100;t=100' }, 8);
    expect(starts.filter((start) => start === 0)).toHaveLength(5);
  });

  test('obeys the quota that allows the least', async () => {
    const starts = await startsAfterFirst({ ratelimit: '"burst";r=9;t=1, "day";r=2;t=100' }, 2);
    expect(starts).toEqual([0, 50_000]);
  });

  test('starts one request at a reset when nothing remains', async () => {
    const starts = await startsAfterFirst({ ratelimit: '"a";r=0;t=30', 'ratelimit-policy': '"a";q=1;w=30' }, 3);
    expect(starts).toEqual([30_000, 60_000, 90_000]);
  });

  test.each<[string, Record<string, string>]>([
    ['a fraction', { ratelimit: '"a";r=1.5;t=10' }],
    ['a negative number', { ratelimit: '"a";r=-1;t=10' }],
    ['a text', { ratelimit: '"a";r="0";t=10' }],
    ['an unclosed name', { ratelimit: '"a;r=0;t=10' }],
    ['a member without a name', { ratelimit: '"a";r=0;t=10, ;r=0' }],
    ['a member of spaces', { ratelimit: '"a";r=0;t=10, ' }],
    ['no remaining requests', { ratelimit: '"a";t=10' }],
    ['no reset', { ratelimit: '"a";r=0' }],
    ['a malformed policy alone', { 'ratelimit-policy': '"a";q=0;w=10' }],
    ['no number', { 'x-ratelimit-remaining': 'none', 'x-ratelimit-reset': '10' }],
    ['a reset that is no time', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }],
    ['the quota of bytes', { ratelimit: '"a";r=0;t=10', 'ratelimit-policy': '"a";q=9;w=60;qu="content-bytes"' }],
    ['a response from a cache', { ratelimit: '"a";r=0;t=10', age: '0' }],
  ])('is not changed by %s', async (_, fields) => {
    expect(await startsAfterFirst(fields, 3)).toEqual([0, 0, 0]);
  });

  test('holds all calls back after a 429, for as long as Retry-After says, and ignores the other fields', async () => {
    const fields = { 'retry-after': '7', ratelimit: '"a";r=0;t=100' };
    expect(await startsAfterFirst(fields, 3, 429)).toEqual([7_000, 7_000, 7_000]);
  });

  test('counts requests whose responses have not arrived yet', async () => {
    const responses: (() => void)[] = [];
    const policy = limit({ rate: announced() });
    const fetch = createFetch({
      use: [policy],
      fetch: () =>
        new Promise((resolve) => {
          const headers = { ratelimit: `"a";r=${10 - responses.length};t=100` };
          responses.push(() => resolve(new Response(null, { headers })));
        }),
    });
    const calls = Array.from({ length: 8 }, () => fetch(url));
    await vi.advanceTimersByTimeAsync(0);
    // The first response says that 10 remain. Seven of them are under way.
    responses[0]!();
    await calls[0];
    calls.push(fetch(url), fetch(url));
    await vi.advanceTimersByTimeAsync(0);
    expect(responses).toHaveLength(9);
    await vi.advanceTimersByTimeAsync(33_000);
    expect(responses).toHaveLength(9);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(responses).toHaveLength(10);
    for (const respond of responses) respond();
    await Promise.all(calls);
  });

  test('refuses a call at once that the pause would start after its deadline', async () => {
    const { fetch, sent } = upstream(() => ({ 'retry-after': '60' }), 429, 10_000);
    await fetch(url);
    expect(await outcomeOf(fetch(url))).toBeInstanceOf(LimitError);
    expect(sent).toHaveLength(1);
  });
});
