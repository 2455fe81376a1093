import { constant, endpoints, retry, timeout, TimeoutError } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { isNetworkError, isReset } from '../../../src/lib/outcome.ts';
import { networkError, url } from '../../support/http.ts';
import { reasonOf } from '../../support/promises.ts';
import { a, b, byOrigin, c, eager, hang, list, refuse, respondWith } from './transports.ts';

describe('endpoints', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('gives the last error the failures of all endpoints as its cause', async () => {
    const zoned = list.map((endpoint, n) => ({ ...endpoint, zone: `${n}` }));
    const { fetch } = byOrigin(
      [retry({ retries: 2, backoff: constant(0) }), endpoints(zoned, { zones: ['0', '1', '2'] })],
      {
        [a]: respondWith(503),
        [b]: refuse('ECONNREFUSED'),
        [c]: refuse('ECONNRESET'),
      },
    );
    const error = (await reasonOf(fetch(url))) as TypeError;
    const cause = error.cause as AggregateError;
    expect(error.message).toBe('fetch failed');
    expect(cause).toBeInstanceOf(AggregateError);
    expect(cause.errors.map(({ message }: Error) => message)).toEqual([
      'http://a.example: answered 503',
      'http://b.example: fetch failed (ECONNREFUSED)',
      'http://c.example: fetch failed (ECONNRESET)',
    ]);
    expect(isNetworkError(error)).toBe(true);
  });

  test('throws the very error of the last endpoint, and no error becomes its own cause', async () => {
    const last = networkError('ECONNRESET');
    const own = last.cause;
    const zoned = [
      { url: a, zone: '1' },
      { url: b, zone: '2' },
    ];
    const { fetch } = byOrigin([retry({ retries: 1, backoff: constant(0) }), endpoints(zoned, { zones: ['1', '2'] })], {
      [a]: refuse('ECONNREFUSED'),
      [b]: () => Promise.reject(last),
    });
    expect(await reasonOf(fetch(url))).toBe(last);
    const cause = last.cause as AggregateError & { code: string };
    expect(cause.code).toBe('ECONNRESET');
    expect(cause.cause).toBe(own);
    expect(cause.errors.map((error: Error) => error.cause)).not.toContain(last);
    expect(isReset(last)).toBe(true);
  });

  test('lets retry go on after such an error, even an error of a browser, which has no cause', async () => {
    for (const code of ['ECONNREFUSED', undefined]) {
      const { fetch, sent } = byOrigin([eager, endpoints(list)], {
        [a]: refuse(code),
        [b]: refuse(code),
        [c]: refuse(code),
      });
      const error = (await reasonOf(fetch(url))) as Error;
      expect(sent).toHaveLength(4);
      expect((error.cause as AggregateError).errors).toHaveLength(3);
    }
  });

  test('leaves the error of a call that tried one endpoint unchanged', async () => {
    const last = networkError('ECONNREFUSED');
    const own = last.cause;
    const { fetch } = byOrigin([eager, endpoints([{ url: a }])], { [a]: () => Promise.reject(last) });
    expect(await reasonOf(fetch(url))).toBe(last);
    expect(last.cause).toBe(own);
  });

  test('throws a TimeoutError as it is, and a frozen error unchanged', async () => {
    const frozen = Object.freeze(networkError('ECONNREFUSED'));
    const { fetch } = byOrigin([eager, endpoints(list), timeout({ headers: 10 })], {
      [a]: hang,
      [b]: hang,
      [c]: hang,
    });
    const late = reasonOf(fetch(url));
    await vi.runAllTimersAsync();
    expect(await late).toBeInstanceOf(TimeoutError);
    expect(((await late) as Error).cause).toBeInstanceOf(AggregateError);
    const other = byOrigin([eager, endpoints(list)], {
      [a]: () => Promise.reject(frozen),
      [b]: () => Promise.reject(frozen),
      [c]: () => Promise.reject(frozen),
    });
    expect(await reasonOf(other.fetch(url))).toBe(frozen);
  });
});
