import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTally } from '../../../playground/terminal/tally.ts';
import type { Tally } from '../../../playground/terminal/tally.ts';
import { call, traffic } from '../../../playground/terminal/traffic.ts';
import type { Contender } from '../../../playground/terminal/traffic.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a call', () => {
  test('succeeds with a 2xx whose body arrives whole', async () => {
    const { tally } = await one(() => Promise.resolve(new Response('body', { status: 201 })));
    expect(tally).toEqual({ started: 1, durations: [0], lost: new Map() });
  });

  test('is lost to a status, after its body is read', async () => {
    const response = new Response('sorry', { status: 503 });
    const { tally } = await one(() => Promise.resolve(response));
    expect(tally.lost).toEqual(new Map([[503, 1]]));
    expect(response.bodyUsed).toBe(true);
  });

  test('is lost to a broken connection, also in the middle of the body', async () => {
    const early = await one(() => Promise.reject(new TypeError('fetch failed')));
    const late = await one(() => Promise.resolve(new Response(brokenBody())));
    expect(early.tally.lost).toEqual(new Map([['broken', 1]]));
    expect(late.tally.lost).toEqual(new Map([['broken', 1]]));
  });

  test('is lost when no response arrives within the patience, and counted as a timeout', async () => {
    const silent: Contender['fetch'] = (_url, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const entrant = begin(silent);
    const over = call(entrant.contender, 'http://localhost/', 5_000, entrant.tally);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(entrant.tally.lost.size).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await over;
    expect(entrant.tally.lost).toEqual(new Map([['late', 1]]));
    expect(entrant.contender.counters.timeouts).toBe(1);
  });

  test('is counted on its own when the client itself rejects it', async () => {
    const timeout = Object.assign(new Error('total'), { name: 'TimeoutError', code: 'TIMEOUT' });
    const open = Object.assign(new Error('open'), { code: 'CIRCUIT_OPEN' });
    expect((await one(() => Promise.reject(timeout))).tally.lost).toEqual(new Map([['late', 1]]));
    expect((await one(() => Promise.reject(open))).tally.lost).toEqual(new Map([['circuit open', 1]]));
  });

  test('leaves no timer behind', async () => {
    await one(() => Promise.resolve(new Response('')));
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('traffic', () => {
  test('sends both contenders the same calls at the same moments, at its rate', async () => {
    const log: string[] = [];
    const entrants = ['plain', 'kyoa'].map((lane) =>
      begin((url) => {
        log.push(`${Math.round(performance.now() - start)} ${url}`);
        return Promise.resolve(new Response(''));
      }, lane),
    );
    const start = performance.now();
    await Promise.all([drive(entrants, { rate: 100, seconds: 0.03 }), vi.advanceTimersByTimeAsync(30)]);
    expect(log).toEqual([
      '0 http://flaky/plain/api/items?id=0',
      '0 http://flaky/kyoa/api/items?id=0',
      '10 http://flaky/plain/api/items?id=1',
      '10 http://flaky/kyoa/api/items?id=1',
      '20 http://flaky/plain/api/items?id=2',
      '20 http://flaky/kyoa/api/items?id=2',
    ]);
  });

  test('waits for no call before the next one, and for all calls at the end', async () => {
    const responses: (() => void)[] = [];
    const entrant = begin(() => new Promise((resolve) => responses.push(() => resolve(new Response('')))));
    const over = vi.fn<() => void>();
    const run = drive([entrant], { rate: 10, seconds: 0.5 }).then(over);
    await vi.advanceTimersByTimeAsync(500);
    expect(entrant.tally.started).toBe(5);
    expect(over).not.toHaveBeenCalled();
    for (const respond of responses) respond();
    await run;
    expect(entrant.tally.durations).toHaveLength(5);
  });

  test('begins no call after it is stopped', async () => {
    const stop = new AbortController();
    const entrant = begin(() => Promise.resolve(new Response('')));
    const run = drive([entrant], { rate: 10, seconds: 60, stop: stop.signal });
    await vi.advanceTimersByTimeAsync(150);
    stop.abort();
    await vi.advanceTimersByTimeAsync(100);
    await run;
    expect(entrant.tally.started).toBeLessThanOrEqual(3);
  });
});

interface Begun {
  readonly contender: Contender;
  readonly tally: Tally;
}

function begin(fetch: Contender['fetch'], lane = 'plain'): Begun {
  return {
    contender: { name: lane, lane, fetch, counters: { retries: 0, copies: 0, timeouts: 0 } },
    tally: createTally(),
  };
}

async function one(fetch: Contender['fetch']): Promise<Begun> {
  const begun = begin(fetch);
  await call(begun.contender, 'http://localhost/', 5_000, begun.tally);
  return begun;
}

function drive(
  entrants: readonly Begun[],
  { rate, seconds, stop = new AbortController().signal }: { rate: number; seconds: number; stop?: AbortSignal },
): Promise<void> {
  return traffic({ url: 'http://flaky', entrants, rate, seconds, patience: 5_000, stop });
}

function brokenBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) });
}
