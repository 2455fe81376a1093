import { describe, expect, test } from 'vitest';
import { KyoaError } from '../../src/core/errors.ts';
import {
  count,
  duration,
  forCall,
  fn,
  invalid,
  array,
  oneOf,
  delay,
  ratio,
  knownKeys,
} from '../../src/core/options.ts';

/** The message of the INVALID_OPTION that a validator throws. */
function complaint(validate: () => unknown): string {
  try {
    validate();
  } catch (error) {
    expect(error).toBeInstanceOf(KyoaError);
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    return (error as Error).message;
  }
  throw new Error('It was accepted');
}

describe('options', () => {
  test.for([0.001, 1, 2 ** 31, Number.MAX_VALUE, Infinity])('take %d as a duration', (ms) => {
    expect(duration('timeout total', ms)).toBe(ms);
  });

  test.for<[unknown, string]>([
    [0, '0'],
    [-1, '-1'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    ['300', '"300"'],
    [null, 'null'],
    [undefined, 'undefined'],
    [300n, '300'],
    [true, 'true'],
    [{ ms: 300 }, '{"ms":300}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('refuse %o as a duration and name option and value', ([value, shown]) => {
    expect(complaint(() => duration('timeout total', value))).toBe(
      `timeout total must be a number of milliseconds above 0, got ${shown}`,
    );
  });

  test('take 0 as a pause, and Infinity', () => {
    expect([0, 0.5, Infinity].map((ms) => delay('retry maxRetryAfter', ms))).toEqual([0, 0.5, Infinity]);
  });

  test.for<[unknown, string]>([
    [-0.001, '-0.001'],
    [NaN, 'NaN'],
    ['0', '"0"'],
    [undefined, 'undefined'],
  ])('refuse %o as a pause and name option and value', ([value, shown]) => {
    expect(complaint(() => delay('retry maxRetryAfter', value))).toBe(
      `retry maxRetryAfter must be a number of milliseconds, 0 or more, got ${shown}`,
    );
  });

  test('take a whole number from the least on as a count, and Infinity', () => {
    expect([0, 1, 1e9, Infinity].map((value) => count('retry retries', value))).toEqual([0, 1, 1e9, Infinity]);
    expect(count('memory maxEntries', 1, 1)).toBe(1);
  });

  test.for<[unknown, number, string]>([
    [-1, 0, '-1'],
    [1.5, 0, '1.5'],
    [NaN, 0, 'NaN'],
    ['2', 0, '"2"'],
    [null, 0, 'null'],
    [0, 1, '0'],
  ])('refuse %o as a count of at least %d and name option and value', ([value, least, shown]) => {
    expect(complaint(() => count('retry retries', value, least))).toBe(
      `retry retries must be a whole number of ${least} or more, got ${shown}`,
    );
  });

  test('take anything from 0 to 1 as a ratio', () => {
    expect([0, 0.2, 1].map((value) => ratio('budget ratio', value))).toEqual([0, 0.2, 1]);
  });

  test.for<[unknown, string]>([
    [-0.1, '-0.1'],
    [1.1, '1.1'],
    [20, '20'],
    [NaN, 'NaN'],
    ['0.2', '"0.2"'],
  ])('refuse %o as a ratio and name option and value', ([value, shown]) => {
    expect(complaint(() => ratio('budget ratio', value))).toBe(
      `budget ratio must be a number from 0 to 1, got ${shown}`,
    );
  });

  test('hand a function back as it is', () => {
    const key = (): string => 'key';
    expect(fn('latest key', key)).toBe(key);
  });

  test.for<[unknown, string]>([
    [undefined, 'undefined'],
    [{}, '{}'],
    ['key', '"key"'],
    [Symbol('key'), 'Symbol(key)'],
  ])('refuse %o as a function and name option and value', ([value, shown]) => {
    expect(complaint(() => fn('latest key', value as () => void))).toBe(`latest key must be a function, got ${shown}`);
  });

  test('hand a list back as it is, also an empty one', () => {
    const statuses = [408, 429];
    expect(array('retry statuses', statuses)).toBe(statuses);
    expect(array('retry statuses', [])).toEqual([]);
  });

  test.for<[unknown, string]>([
    [503, '503'],
    ['GET', '"GET"'],
    [{ length: 0 }, '{"length":0}'],
    [undefined, 'undefined'],
  ])('refuse %o as a list and name option and value', ([value, shown]) => {
    expect(complaint(() => array('retry statuses', value as number[]))).toBe(
      `retry statuses must be a list, got ${shown}`,
    );
  });

  test('take one of several words, and refuse any other by naming option and value', () => {
    expect(oneOf('idempotency conflict', 'wait', ['wait', 'throw'])).toBe('wait');
    for (const [value, shown] of [
      ['Wait', '"Wait"'],
      [undefined, 'undefined'],
      [true, 'true'],
    ]) {
      expect(complaint(() => oneOf('idempotency conflict', value as string, ['wait', 'throw']))).toBe(
        `idempotency conflict must be 'wait' or 'throw', got ${String(shown)}`,
      );
    }
  });

  test('hand a record back as it is, also an empty one', () => {
    const options = { ratio: 0.1 };
    expect(knownKeys('budget', options, ['ratio', 'floor'])).toBe(options);
    expect(knownKeys('budget', {}, ['ratio'])).toEqual({});
  });

  test('refuse a member that the record does not have and name it and those it has', () => {
    expect(complaint(() => knownKeys('retry', { limit: 2 }, ['retries', 'backoff']))).toBe(
      'retry has no option limit; it has retries, backoff',
    );
  });

  test('refuse the members of every object as unknown, as constructor and toString are', () => {
    expect(complaint(() => knownKeys('retry', { constructor: 1 }, ['retries']))).toBe(
      'retry has no option constructor; it has retries',
    );
  });

  test.for<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [3, '3'],
    ['3', '"3"'],
    [[3], '[3]'],
    [() => 3, 'function (anonymous)'],
    [
      function named() {
        return 3;
      },
      'function named',
    ],
  ])('refuse %o as a record and name option and value', ([value, shown]) => {
    expect(complaint(() => knownKeys('retry', value as object, ['retries', 'backoff']))).toBe(
      `retry must be an object with any of retries, backoff, got ${shown}`,
    );
  });

  test('show a value that JSON cannot', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(invalid('key', circular, 'a string').message).toBe('key must be a string, got [object Object]');
    expect(invalid('key', { big: 1n }, 'a string').message).toBe('key must be a string, got [object Object]');
    expect(invalid('key', { toJSON: () => undefined }, 'a string').message).toBe('key must be a string, got object');
  });

  test('of a policy stand for a call without an override, and for one that says true', () => {
    const own = { retries: 3 };
    const lay = (): never => {
      throw new Error('There is nothing to lay');
    };
    expect(forCall(undefined, own, lay)).toBe(own);
    expect(forCall(true, own, lay)).toBe(own);
  });

  test('of a policy fall away for a call that says false', () => {
    expect(forCall(false, { retries: 3 }, () => ({ retries: 1 }))).toBeUndefined();
  });

  test.for([{ retries: 1 }, 1, 0, ''])('of a policy are laid under the override %o', (override) => {
    expect(forCall<unknown, unknown>(override, {}, (given) => ({ given }))).toEqual({ given: override });
  });
});
