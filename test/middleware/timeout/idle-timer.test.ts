import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Measurement } from '../../../src/middleware/timeout/adaptive.ts';
import { idleTimer } from '../../../src/middleware/timeout/idle-timer.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const isComment = (chunk: Uint8Array): boolean => new TextDecoder().decode(chunk).startsWith(':');

describe('silence', () => {
  let exceeded: number[];
  let answered: number[];
  let started: number;
  const onExceeded = (): void => void exceeded.push(performance.now() - started);

  const limitedTo = (limit: number): Measurement => ({
    limit,
    answered: (ms) => void answered.push(ms),
    expired: () => {},
  });

  beforeEach(() => {
    vi.useFakeTimers();
    exceeded = [];
    answered = [];
    started = performance.now();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('is exceeded once when the first chunk does not come', () => {
    const { wait } = idleTimer({ wait: limitedTo(300), onExceeded });
    wait();
    vi.advanceTimersByTime(299);
    expect(exceeded).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(exceeded).toEqual([300]);
  });

  test('begins anew with every chunk', () => {
    const { wait, chunk } = idleTimer({ wait: limitedTo(300), onExceeded });
    for (let n = 0; n < 5; n += 1) {
      wait();
      vi.advanceTimersByTime(299);
      chunk(bytes('chunk'));
    }
    wait();
    vi.advanceTimersByTime(1_000);
    expect(exceeded).toEqual([5 * 299 + 300]);
  });

  test('is the server’s: a reader may dawdle for as long as it likes', () => {
    const { wait, chunk, end } = idleTimer({ wait: limitedTo(300), onExceeded });
    vi.advanceTimersByTime(10_000); // before the first read
    wait();
    chunk(bytes('chunk'));
    vi.advanceTimersByTime(10_000); // between two reads
    wait();
    vi.advanceTimersByTime(299);
    chunk(bytes('chunk'));
    vi.advanceTimersByTime(10_000);
    end(true);
    expect(exceeded).toEqual([]);
  });

  test('goes on through a chunk that is no progress', () => {
    const { wait, chunk } = idleTimer({ wait: limitedTo(300), isProgress: (chunk) => !isComment(chunk), onExceeded });
    for (let n = 0; n < 2; n += 1) {
      wait();
      vi.advanceTimersByTime(100);
      chunk(bytes(': still here'));
    }
    wait();
    vi.advanceTimersByTime(99);
    expect(exceeded).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(exceeded).toEqual([300]);
  });

  test('does not count the time that a reader takes over a chunk that is no progress', () => {
    const { wait, chunk } = idleTimer({ wait: limitedTo(300), isProgress: (chunk) => !isComment(chunk), onExceeded });
    wait();
    vi.advanceTimersByTime(200);
    chunk(bytes(': still here'));
    vi.advanceTimersByTime(5_000);
    wait();
    vi.advanceTimersByTime(99);
    expect(exceeded).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(exceeded).toEqual([200 + 5_000 + 100]);
  });

  test('forgets what was no progress once there is some', () => {
    const { wait, chunk, end } = idleTimer({
      wait: limitedTo(300),
      isProgress: (chunk) => !isComment(chunk),
      onExceeded,
    });
    for (const text of [': still here', 'data', ': still here', 'data']) {
      wait();
      vi.advanceTimersByTime(250);
      if (isComment(bytes(text))) {
        chunk(bytes(text));
        wait();
        vi.advanceTimersByTime(40);
      }
      chunk(bytes('data'));
    }
    end(true);
    expect(exceeded).toEqual([]);
  });

  test('is measured from chunk to chunk of progress, without the time of the reader', () => {
    const { wait, chunk, end } = idleTimer({
      wait: limitedTo(300),
      isProgress: (chunk) => !isComment(chunk),
      onExceeded,
    });
    for (const [text, ms] of [
      ['data', 50],
      [': still here', 100],
      ['data', 30],
      ['data', 0],
    ] as const) {
      wait();
      vi.advanceTimersByTime(ms);
      chunk(bytes(text));
      vi.advanceTimersByTime(1_000);
    }
    wait();
    vi.advanceTimersByTime(100);
    end(true);
    expect(answered).toEqual([50, 130, 0]);
  });

  test('shows isProgress every chunk as it came', () => {
    const isProgress = vi.fn<(chunk: Uint8Array) => boolean>(() => true);
    const { wait, chunk } = idleTimer({ wait: limitedTo(300), isProgress, onExceeded });
    const chunks = [bytes('one'), bytes('two')];
    for (const each of chunks) {
      wait();
      chunk(each);
    }
    expect(isProgress.mock.calls.map(([chunk]) => chunk)).toEqual(chunks);
  });

  test('ends with the body', () => {
    const { wait, end } = idleTimer({ wait: limitedTo(300), onExceeded });
    wait();
    end(true);
    vi.advanceTimersByTime(10_000);
    expect(exceeded).toEqual([]);
  });

  test('is over before it began where there is no body', () => {
    const { end } = idleTimer({ wait: limitedTo(300), onExceeded });
    end(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is watched by one timer, however often it is waited for', () => {
    const { wait, end } = idleTimer({ wait: limitedTo(300), onExceeded });
    wait();
    wait();
    expect(vi.getTimerCount()).toBe(1);
    end(true);
  });

  test('lasts as long as it likes without a limit', () => {
    const { wait } = idleTimer({ wait: limitedTo(Infinity), onExceeded });
    wait();
    expect(vi.getTimerCount()).toBe(0);
  });
});
