import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { aimd } from '../../../src/middleware/limit/aimd.ts';

describe('aimd', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('grows by about one for each round of responses, up to its maximum', () => {
    const places = aimd({ initial: 10, max: 12 }).create();
    for (let response = 0; response < 11; response += 1) places.succeeded(10);
    expect(places.limit).toBe(11);
    for (let response = 0; response < 100; response += 1) places.succeeded(12);
    expect(places.limit).toBe(12);
  });

  test('does not grow while less than half of the limit is used', () => {
    const places = aimd().create();
    for (let response = 0; response < 1_000; response += 1) places.succeeded(9);
    expect(places.limit).toBe(20);
  });

  test('shrinks by a tenth, once for all calls that were in flight, down to its minimum', () => {
    const places = aimd({ min: 15 }).create();
    const started = performance.now();
    vi.advanceTimersByTime(10);
    for (let call = 0; call < 20; call += 1) places.overloaded(started);
    expect(places.limit).toBe(18);
    vi.advanceTimersByTime(10);
    places.overloaded(performance.now());
    expect(places.limit).toBe(16);
    vi.advanceTimersByTime(10);
    places.overloaded(performance.now());
    expect(places.limit).toBe(15);
  });

  test('starts again from `initial` with each create()', () => {
    const policy = aimd({ initial: 4 });
    policy.create().overloaded(1);
    expect(policy.create().limit).toBe(4);
  });

  test.each([
    ['aimd min must be a whole number of 1 or more, got 0', { min: 0 }],
    ['aimd max must be a whole number of 10 or more, got 5', { min: 10, max: 5 }],
    ['aimd initial must be at most max, 200, got 300', { initial: 300 }],
    ['aimd initial must be a whole number of 3 or more, got 2', { min: 3, initial: 2 }],
    ['aimd backoff must be a number between 0 and 1, got 1', { backoff: 1 }],
    ['aimd has no option ratio', { ratio: 0.5 } as never],
  ])('throws for an invalid option: %s', (message, options) => {
    expect(() => aimd(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});
