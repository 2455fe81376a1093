import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createHandler, limit, timeout, type LimitOptions } from '../../../src/index.ts';
import { deferred, type Deferred } from '../../support/promises.ts';

const url = 'https://shop.example/orders';
const type = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

function handlerOf(options: LimitOptions, handler: () => Promise<Response> = async () => new Response('ok')) {
  const handle = createHandler({ use: [timeout(5_000), limit(options)] }, handler);
  return () => handle(new Request(url));
}

describe('limit in a handler', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('answers 429 when the rate would start the request after its deadline', async () => {
    const handle = handlerOf({
      rate: [
        { count: 1, window: 10_000 },
        { count: 5, window: 500 },
      ],
    });
    expect((await handle()).status).toBe(200);
    await vi.advanceTimersByTimeAsync(1_500);
    const response = await handle();
    expect(response.status).toBe(429);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/problem+json',
      'retry-after': '9',
      ratelimit: '"rate";r=0;t=9',
      'ratelimit-policy': '"rate";q=1;w=10, "rate-2";q=5',
    });
    expect(await response.json()).toEqual({
      type,
      title: 'Too many requests',
      detail: 'Send the request again in 9 s or later.',
      'violated-policies': ['rate'],
      status: 429,
    });
  });

  test('answers 429 when its queue is full, and lets those run that wait', async () => {
    let finish!: () => void;
    const handle = handlerOf(
      { concurrency: 1, queue: 1 },
      () => new Promise((resolve) => (finish = () => resolve(new Response('ok')))),
    );
    const first = handle();
    const second = handle();
    const response = await handle();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1']);
    expect(response.headers.get('ratelimit')).toBe('"concurrency";r=0');
    expect(response.headers.get('ratelimit-policy')).toBe('"concurrency";q=1;qu="concurrent-requests"');
    finish();
    expect(await (await first).text()).toBe('ok');
    await vi.advanceTimersByTimeAsync(0);
    finish();
    expect(await (await second).text()).toBe('ok');
  });

  test('names the wait of the whole queue', async () => {
    const handle = handlerOf({ rate: { count: 1, window: 2_000 }, queue: 2 });
    const running = [handle(), handle(), handle()];
    expect((await handle()).headers.get('retry-after')).toBe('6');
    await vi.advanceTimersByTimeAsync(4_000);
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('holds the permit of a request whose client has left until its handler has responded or failed, or for a minute', async () => {
    const policy = limit({ concurrency: 1, queue: 0 });
    const works: Deferred<Response>[] = [];
    const handle = createHandler({ use: [policy] }, () => {
      const work = deferred<Response>();
      works.push(work);
      return work.promise;
    });
    const running = (): number => Object.values(policy.snapshot())[0]!.running;
    const leave = async (): Promise<void> => {
      const client = new AbortController();
      handle(new Request(url, { signal: client.signal })).catch(() => {});
      await vi.advanceTimersByTimeAsync(0);
      client.abort(new Error('gone'));
      await vi.advanceTimersByTimeAsync(59_999);
      expect([(await handle(new Request(url))).status, running()]).toEqual([429, 1]);
    };

    await leave();
    works[0]!.resolve(new Response('a body that is never read'));
    await vi.advanceTimersByTimeAsync(0);
    expect([running(), vi.getTimerCount()]).toEqual([0, 0]);

    await leave();
    works[1]!.reject(new RangeError('broken'));
    await vi.advanceTimersByTimeAsync(0);
    expect([running(), vi.getTimerCount()]).toEqual([0, 0]);

    await leave();
    await vi.advanceTimersByTimeAsync(1);
    expect(running()).toBe(0);
    works[2]!.resolve(new Response());
    await vi.advanceTimersByTimeAsync(0);
    expect(running()).toBe(0);
  });
});
