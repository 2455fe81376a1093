import { describe, expect, test } from 'vitest';

import { partsOf } from '../../src/policy/document-reader.ts';
import { changedStack, merged, mergedOptions, policiesOf, type Parts } from '../../src/policy/parsed-document.ts';

function laid(...documents: readonly unknown[]): Parts {
  return documents
    .map((document, source) => partsOf(document, source, { middleware: [], environment: undefined }))
    .reduce(merged);
}

function stack(...documents: readonly unknown[]): unknown {
  const { use = [], changes } = laid(...documents);
  return policiesOf(changedStack(use, changes)).map(({ name, options }) => ({ [name]: options }));
}

describe('two documents that lie over each other', () => {
  test('give each policy the members of the later one over those of the earlier one', () => {
    const under = { use: [{ retry: { retries: 3, maxRetryAfter: 9 } }, { breaker: { ratio: 0.5 } }] };
    expect(stack(under, { use: [{ breaker: { volume: 5 } }, { retry: 1 }] })).toEqual([
      { retry: { retries: 1, maxRetryAfter: 9 } },
      { breaker: { ratio: 0.5, volume: 5 } },
    ]);
  });

  test('place a further policy behind the one that precedes it, and the first one in its usual place', () => {
    const under = { use: ['log', 'retry', 'breaker'] };
    expect(stack(under, { use: ['trace', 'retry', { hedge: {} }, 'metrics'] })).toEqual([
      { log: {} },
      { retry: {} },
      { hedge: {} },
      { metrics: {} },
      { breaker: {} },
      { trace: {} },
    ]);
    expect(stack(under, { use: ['hedge'] })).toEqual([{ log: {} }, { retry: {} }, { breaker: {} }, { hedge: {} }]);
  });

  test('change the options of policies, wherever they are, and place the others as usual', () => {
    const under = { use: ['log', { retry: { retries: 1 } }, 'breaker'] };
    expect(stack(under, { options: { retry: 5, hedge: {}, dedupe: {}, breaker: false } })).toEqual([
      { log: {} },
      { dedupe: {} },
      { retry: { retries: 5 } },
      { hedge: {} },
    ]);
    expect(stack({ options: { retry: 5, hedge: {} } }, { use: ['log', { retry: { statuses: [503] } }] })).toEqual([
      { log: {} },
      { retry: { retries: 5, statuses: [503] } },
      { hedge: {} },
    ]);
  });

  test('change the limit that has the option', () => {
    const under = { use: [{ timeout: { total: 9 } }, 'retry', { timeout: { headers: 3 } }] };
    expect(stack(under, { use: [{ timeout: { headers: 2 } }] })).toEqual([
      { timeout: { total: 9 } },
      { retry: {} },
      { timeout: { headers: 2 } },
    ]);
    expect(stack(under, { use: [{ timeout: 7 }] })).toMatchObject([
      { timeout: { total: 7 } },
      {},
      { timeout: { headers: 3 } },
    ]);
    expect(stack({ use: ['standard'] }, { use: [{ timeout: { headers: 2 } }] })).toMatchObject([
      { timeout: { total: 30_000, idle: 30_000 } },
      {},
      {},
      {},
      {},
      {},
      { timeout: { headers: 2 } },
    ]);
  });

  test('take out all policies of a name that the later one has as false', () => {
    expect(stack({ use: ['standard'] }, { use: [{ timeout: false }, { dedupe: false }] })).toEqual([
      { resume: {} },
      { idempotency: { generate: false } },
      { retry: {} },
      { breaker: {} },
    ]);
    expect(stack({ use: ['standard'] }, { use: [{ standard: { timeout: false, retry: false } }] })).toEqual([
      { dedupe: {} },
      { resume: {} },
      { idempotency: { generate: false } },
      { breaker: {} },
    ]);
    expect(stack({ use: ['retry'] }, { use: [{ hedge: false }] })).toEqual([{ retry: {} }]);
  });

  test('put in again what one in between has taken out', () => {
    expect(
      stack({ use: ['trace', { retry: 5 }] }, { use: [{ retry: false }] }, { use: [{ retry: { maxRetryAfter: 1 } }] }),
    ).toEqual([{ trace: {} }, { retry: { maxRetryAfter: 1 } }]);
  });

  test('keep what the earlier one says where the later one has the standard stack', () => {
    const under = { use: [{ standard: { timeout: { total: 60_000 }, idempotency: { generate: true }, retry: 5 } }] };
    expect(stack(under, { use: [{ standard: { retry: { maxRetryAfter: 1 } } }] })).toMatchObject([
      { timeout: { total: 60_000, idle: 30_000 } },
      { dedupe: {} },
      { resume: {} },
      { idempotency: { generate: true } },
      { retry: { retries: 5, maxRetryAfter: 1 } },
      { breaker: {} },
      { timeout: { headers: { adaptive: {} } } },
    ]);
    expect(stack({ use: [{ timeout: 5_000 }] }, { use: ['standard'] })).toMatchObject([
      { timeout: { total: 5_000, idle: 30_000 } },
      {},
      {},
      {},
      {},
      {},
      {},
    ]);
  });

  test('have the routes of both, and of one route the later members', () => {
    const { routes } = laid(
      { routes: { 'https://A.example': { retry: { retries: 1, maxRetryAfter: 2 }, hedge: 0.1 }, '/a': { retry: 1 } } },
      { routes: { 'https://a.example/': { retry: 4, hedge: false }, '/b': { retry: 2 } } },
    );
    expect(
      Object.fromEntries([...routes].map(([pattern, { options, source }]) => [pattern, { options, source }])),
    ).toEqual({
      'https://a.example/': { options: { retry: { retries: 4, maxRetryAfter: 2 }, hedge: false }, source: 1 },
      '/a': { options: { retry: 1 }, source: 0 },
      '/b': { options: { retry: 2 }, source: 1 },
    });
  });

  test('say of each policy which of them it comes from, and have the later version', () => {
    const all = laid({ version: 1, use: ['trace', 'retry'] }, { version: 'b', use: ['retry'] }, {});
    expect(all.version).toBe('b');
    expect(policiesOf(all.use).map(({ name, source }) => [name, source])).toEqual([
      ['trace', 0],
      ['retry', 1],
    ]);
  });

  test('leave the stack to the one that has any', () => {
    expect(stack({ use: ['trace'] }, { routes: {} })).toEqual([{ trace: {} }]);
    expect(stack({ use: ['trace'] }, { use: [] })).toEqual([{ trace: {} }]);
    expect(laid({}, { version: 3 }).use).toBeUndefined();
  });
});

describe('the options of a call over those of a route', () => {
  class Tenant {
    id = 7;
  }

  test.for<[string, unknown, unknown, unknown]>([
    ['an object over an object', { a: 1, b: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ['a member that is undefined', { a: 1 }, { a: undefined }, { a: 1 }],
    ['undefined', { a: 1 }, undefined, { a: 1 }],
    ['true over an object', { a: 1 }, true, { a: 1 }],
    ['true over false', false, true, false],
    ['true over nothing', undefined, true, true],
    ['false over an object', { a: 1 }, false, false],
    ['an object over false', false, { a: 1 }, { a: 1 }],
    ['an instance of a class over an object', { a: 1 }, new Tenant(), new Tenant()],
  ])('%s', ([, under, over, expected]) => {
    const { tenant } = mergedOptions({ tenant: under }, { tenant: over });
    expect(tenant).toEqual(expected);
    if (over instanceof Tenant) expect(tenant).toBe(over);
  });

  test('a number is short for an option', () => {
    expect(mergedOptions({ retry: 2, timeout: { headers: 5 } }, { retry: { maxRetryAfter: 1 }, timeout: 9 })).toEqual({
      retry: { retries: 2, maxRetryAfter: 1 },
      timeout: { headers: 5, total: 9 },
    });
  });
});
