import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Measurement } from '../../../src/middleware/timeout/adaptive.ts';
import { idleTimer } from '../../../src/middleware/timeout/idle-timer.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const isComment = (chunk: Uint8Array): boolean => new TextDecoder().decode(chunk).startsWith(':');

describe('a silence', () => {
  let expired: number[];
  let finished: number[];
  let started: number;
  const onExpired = (): void => void expired.push(performance.now() - started);

  const limitedTo = (limit: number): Measurement => ({
    limit,
    finished: (ms) => void finished.push(ms),
    expired: () => {},
  });

  beforeEach(() => {
    vi.useFakeTimers();
    expired = [];
    finished = [];
    started = performance.now();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('expires once if the first chunk does not come', () => {
    const { wait } = idleTimer({ silence: limitedTo(300), onExpired });
    wait();
    vi.advanceTimersByTime(299);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(expired).toEqual([300]);
  });

  test('ends with every chunk', () => {
    const { wait, chunk } = idleTimer({ silence: limitedTo(300), onExpired });
    for (let n = 0; n < 5; n += 1) {
      wait();
      vi.advanceTimersByTime(299);
      chunk(bytes('chunk'));
    }
    wait();
    vi.advanceTimersByTime(1_000);
    expect(expired).toEqual([5 * 299 + 300]);
  });

  test('is the server’s: the time that the reader takes between two chunks does not count', () => {
    const { wait, chunk, end } = idleTimer({ silence: limitedTo(300), onExpired });
    vi.advanceTimersByTime(10_000); // before the first read
    wait();
    chunk(bytes('chunk'));
    vi.advanceTimersByTime(10_000); // between two reads
    wait();
    vi.advanceTimersByTime(299);
    chunk(bytes('chunk'));
    vi.advanceTimersByTime(10_000);
    end(true);
    expect(expired).toEqual([]);
  });

  test('goes on after a chunk that is no progress', () => {
    const { wait, chunk } = idleTimer({ silence: limitedTo(300), isProgress: (chunk) => !isComment(chunk), onExpired });
    for (let n = 0; n < 2; n += 1) {
      wait();
      vi.advanceTimersByTime(100);
      chunk(bytes(': still here'));
    }
    wait();
    vi.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual([300]);
  });

  test('does not include the time that the reader takes over a chunk that is no progress', () => {
    const { wait, chunk } = idleTimer({ silence: limitedTo(300), isProgress: (chunk) => !isComment(chunk), onExpired });
    wait();
    vi.advanceTimersByTime(200);
    chunk(bytes(': still here'));
    vi.advanceTimersByTime(5_000);
    wait();
    vi.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual([200 + 5_000 + 100]);
  });

  test('begins at 0 after a chunk that is progress', () => {
    const { wait, chunk, end } = idleTimer({
      silence: limitedTo(300),
      isProgress: (chunk) => !isComment(chunk),
      onExpired,
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
    expect(expired).toEqual([]);
  });

  test('is measured from one chunk of progress to the next, without the time of the reader', () => {
    const { wait, chunk, end } = idleTimer({
      silence: limitedTo(300),
      isProgress: (chunk) => !isComment(chunk),
      onExpired,
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
    expect(finished).toEqual([50, 130, 0]);
  });

  test('passes every chunk to isProgress, as it came', () => {
    const isProgress = vi.fn<(chunk: Uint8Array) => boolean>(() => true);
    const { wait, chunk } = idleTimer({ silence: limitedTo(300), isProgress, onExpired });
    const chunks = [bytes('one'), bytes('two')];
    for (const each of chunks) {
      wait();
      chunk(each);
    }
    expect(isProgress.mock.calls.map(([chunk]) => chunk)).toEqual(chunks);
  });

  test('ends with the body', () => {
    const { wait, end } = idleTimer({ silence: limitedTo(300), onExpired });
    wait();
    end(true);
    vi.advanceTimersByTime(10_000);
    expect(expired).toEqual([]);
  });

  test('never begins where there is no body', () => {
    const { end } = idleTimer({ silence: limitedTo(300), onExpired });
    end(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('has one timer, however many reads are waiting', () => {
    const { wait, end } = idleTimer({ silence: limitedTo(300), onExpired });
    wait();
    wait();
    expect(vi.getTimerCount()).toBe(1);
    end(true);
  });

  test('never expires without a limit', () => {
    const { wait } = idleTimer({ silence: limitedTo(Infinity), onExpired });
    wait();
    expect(vi.getTimerCount()).toBe(0);
  });
});
