import { describe, expect, test } from 'vitest';
import { KyoaError } from '../../src/core/errors.ts';
import {
  array,
  boolean,
  count,
  delay,
  duration,
  fn,
  invalid,
  keyFn,
  knownKeys,
  methods,
  object,
  objectOrFalse,
  oneOf,
  policyOptions,
  positive,
  ratio,
  storage,
  text,
  type PolicyOptions,
} from '../../src/core/options.ts';
import { createFetch, createHandler, memory } from '../../src/index.ts';

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

  test.for<[unknown, string]>([
    ['http://jane:hunter2@a.example/v2', '"http://…@a.example/v2"'],
    ['http://a.example/?token=hunter2', '"http://a.example/?…"'],
    ['http://a.example/#hunter2', '"http://a.example/#…"'],
    [['redis://:hunter2@a.example', 'b'], '["redis://…@a.example","b"]'],
    [{ token: 'hunter2', n: 1, list: ['a', { key: 'hunter2' }] }, '{"token":"…","n":1,"list":["a",{"key":"…"}]}'],
    ['what?', '"what?"'],
  ])('show nothing secret of the value %o', ([value, shown]) => {
    expect(invalid('x', value, 'a number').message).toBe(`x must be a number, got ${shown}`);
  });

  test('show 200 characters of a value at most', () => {
    expect(invalid('x', 'a'.repeat(1_000), 'a number').message).toBe(`x must be a number, got "${'a'.repeat(199)}…`);
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

  test('take a whole number of 1 or more as a positive count', () => {
    expect([1, 20, Infinity].map((value) => positive('breaker volume', value))).toEqual([1, 20, Infinity]);
    expect(complaint(() => positive('breaker volume', 0))).toBe(
      'breaker volume must be a whole number of 1 or more, got 0',
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

  test('hand methods back in upper case', () => {
    expect(methods('retry methods', ['get', 'QUERY'])).toEqual(['GET', 'QUERY']);
    expect(complaint(() => methods('retry methods', 'GET' as never))).toBe('retry methods must be a list, got "GET"');
  });

  test('take a boolean or a text, and refuse anything else by naming option and value', () => {
    expect([boolean('idempotency generate', false), text('log service', '')]).toEqual([false, '']);
    expect(complaint(() => boolean('idempotency generate', 0))).toBe(
      'idempotency generate must be true or false, got 0',
    );
    expect(complaint(() => text('log service', 7))).toBe('log service must be a string, got 7');
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
});

interface Settings {
  readonly calls: number;
  readonly key: () => string;
  readonly slow: { readonly over: number; readonly share: number } | false;
  readonly ttl?: number;
  readonly window: number;
}

const key = (): string => 'key';
const declared: PolicyOptions<Settings> = policyOptions(
  'quota',
  {
    calls: [count, 3],
    key: [fn],
    slow: [objectOrFalse, false, { over: [duration], share: [ratio, 0.5] }],
    ttl: [duration, undefined],
    window: [duration, 10_000],
  },
  { scalar: 'calls', perCall: ['calls', 'key', 'slow', 'ttl'] },
);

describe('the declared options of a policy', () => {
  const own = declared.parse({ key });
  const forCall = (override: unknown): Settings | undefined => declared.forCall({ options: { quota: override } }, own);

  test('are its settings, with their defaults where nothing is given', () => {
    expect(own).toEqual({ calls: 3, key, slow: false, window: 10_000 });
    expect(declared.parse({ calls: 1, key, slow: null, ttl: 5, window: undefined })).toEqual({
      ...own,
      calls: 1,
      ttl: 5,
    });
  });

  test('have defaults within an option that is an object, too', () => {
    expect(declared.parse({ key, slow: { over: 100 } })).toMatchObject({ slow: { over: 100, share: 0.5 } });
  });

  test.for<[string, unknown]>([
    ['quota must be an object with any of calls, key, slow, ttl, window, got undefined', undefined],
    ['quota must be an object with any of calls, key, slow, ttl, window, got 3', 3],
    ['quota has no option limit; it has calls, key, slow, ttl, window', { key, limit: 1 }],
    ['quota key must be a function, got undefined', {}],
    ['quota calls must be a whole number of 0 or more, got -1', { key, calls: -1 }],
    ['quota ttl must be a number of milliseconds above 0, got null', { key, ttl: null }],
    ['quota slow must be an object with any of over, share, got true', { key, slow: true }],
    ['quota slow over must be a number of milliseconds above 0, got undefined', { key, slow: {} }],
    ['quota slow has no option ratio; it has over, share', { key, slow: { over: 1, ratio: 1 } }],
  ])('refuse with "%s"', ([message, given]) => {
    expect(complaint(() => declared.parse(given))).toBe(message);
  });

  test.for([undefined, true])('are the same object for a call whose override is %o', (override) => {
    expect(forCall(override)).toBe(own);
    expect(declared.forCall({ options: {} }, own)).toBe(own);
  });

  test('are switched off for a call whose override is false', () => {
    expect(forCall(false)).toBeUndefined();
  });

  test('keep the settings that an override does not give', () => {
    expect(forCall({ calls: 1, slow: { over: 50 } })).toEqual({ ...own, calls: 1, slow: { over: 50, share: 0.5 } });
    expect(forCall({})).toEqual(own);
    expect(forCall({ calls: undefined, key: undefined, slow: null, ttl: undefined })).toEqual(own);
  });

  test('take a number as the option that a number sets', () => {
    expect(forCall(7)).toEqual({ ...own, calls: 7 });
  });

  test.for<[string, unknown]>([
    ['quota (per call) has no option window; it has calls, key, slow, ttl', { window: 5 }],
    ['quota calls must be a whole number of 0 or more, got "3"', '3'],
    ['quota (per call) must be an object with any of calls, key, slow, ttl, got null', null],
    ['quota calls must be a whole number of 0 or more, got 1.5', 1.5],
    ['quota key must be a function, got 1', { key: 1 }],
  ])('refuse an override with "%s"', ([message, override]) => {
    expect(complaint(() => forCall(override))).toBe(message);
  });

  test('may all be overridden where the declaration does not say which', () => {
    const options = policyOptions<{ ttl: number }>('cache', { ttl: [duration, 100] });
    const forCall = (override: unknown): unknown => options.forCall({ options: { cache: override } }, { ttl: 100 });
    expect(forCall({ ttl: 5 })).toEqual({ ttl: 5 });
    expect(complaint(() => forCall(5))).toBe('cache must be an object with any of ttl, got 5');
  });
});

test('an object has the settings of its shape', () => {
  const shape = { floor: [count, 10], window: [duration, 10_000] } as const;
  expect(object('budget', { floor: 1 }, shape)).toEqual({ floor: 1, window: 10_000 });
  expect(complaint(() => object('budget', false, shape))).toBe(
    'budget must be an object with any of floor, window, got false',
  );
  expect(objectOrFalse('budget', false, shape)).toBe(false);
});

describe('the results of a function', () => {
  const wait = (...args: number[]): unknown => args[0];

  test('are checked where its declaration says so', () => {
    const checked = fn('retry backoff', wait as (ms: number) => number, delay);
    expect(checked(5)).toBe(5);
    for (const wrong of [undefined, NaN, -1, '5']) {
      expect(complaint(() => checked(wrong as never))).toMatch(
        /^the result of retry backoff must be a number of milliseconds, 0 or more, got/,
      );
    }
  });

  test('that is a key are texts, or undefined for none', () => {
    const key = keyFn('dedupe key', wait as () => string | undefined) as (value: unknown) => string;
    expect([key('q'), key(undefined)]).toEqual(['q', undefined]);
    for (const wrong of [null, 5, {}, Promise.resolve('q')]) {
      expect(complaint(() => key(wrong))).toMatch(/^the result of dedupe key must be a string, got/);
    }
  });

  test('are not checked for a default, which is used as it is', () => {
    const shape = { key: [keyFn, () => undefined] } as const;
    expect(object('dedupe', {}, shape).key).toBe(shape.key[1]);
  });
});

test.each([
  ['what creates one', memory],
  ['an object', {}],
  ['localStorage', { getItem: () => null, setItem: () => undefined }],
  ['null', null],
])('a storage is not %s', (_, given) => {
  expect(complaint(() => storage('storage', given))).toMatch(
    /^storage must be a storage, such as memory\(\) or indexeddb\('shop'\): an object with get, set, delete, close, got/,
  );
  const fails: unknown = expect.objectContaining({ code: 'INVALID_OPTION' });
  expect(() => createFetch({ storage: given as never })).toThrow(fails);
  expect(() => createHandler({ storage: given as never }, () => new Response())).toThrow(fails);
});
