import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { retryAfter } from '../../src/lib/header-times.ts';

/** One second before the date in the examples of RFC 9110. */
const now = Date.UTC(1994, 10, 6, 8, 49, 36);

function pause(headers: Record<string, string>, status = 503): number | undefined {
  return retryAfter(new Response(null, { status, headers }), now);
}

const unix = (date: number): string => String(Math.floor(date / 1_000));
const today = Date.UTC(2026, 0, 15);

describe('retryAfter', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is undefined without any of the fields', () => {
    expect(pause({})).toBeUndefined();
    expect(pause({}, 429)).toBeUndefined();
  });

  test.for<[string, number]>([
    ['0', 0],
    ['1', 1_000],
    ['120', 120_000],
    ['007', 7_000],
    ['1.5', 1_500],
    ['0.25', 250],
    ['31536000', 31_536_000_000],
    ['99999999999999999999', 1e23],
  ])('reads Retry-After: %s as %d ms', ([value, ms]) => {
    expect(pause({ 'retry-after': value })).toBeCloseTo(ms);
  });

  test.for<[string, string]>([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime', 'Sun Nov  6 08:49:37 1994'],
  ])('reads a date in the form of %s', ([, date]) => {
    expect(pause({ 'retry-after': date })).toBe(1_000);
  });

  test('reads a leap second as the second before', () => {
    expect(pause({ 'retry-after': 'Sun, 06 Nov 1994 08:49:60 GMT' })).toBe(23_000);
  });

  test('reads a date as UTC in every time zone', () => {
    // The asctime form names no zone, and Date.parse would read it as local time.
    const zone = process.env['TZ'];
    try {
      process.env['TZ'] = 'Asia/Tokyo';
      expect(pause({ 'retry-after': 'Sun Nov  6 08:49:37 1994' })).toBe(1_000);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  test.for(['Sun, 06 Nov 1994 08:49:35 GMT', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Sun Nov  6 08:49:36 1994'])(
    'is 0 for a date in the past: %s',
    (date) => {
      expect(pause({ 'retry-after': date })).toBe(0);
    },
  );

  test('reads a year of two digits as one that is at most 50 years in the future', () => {
    const pauseAt = (now: string, date: string): number | undefined =>
      retryAfter(new Response(null, { status: 503, headers: { 'retry-after': date } }), Date.parse(now));
    expect(pauseAt('2049-12-31T23:59:59Z', 'Saturday, 01-Jan-50 00:00:00 GMT')).toBe(1_000);
    expect(pauseAt('2026-01-01T00:00:00Z', 'Sunday, 06-Nov-94 08:49:37 GMT')).toBe(0);
    expect(pauseAt('2099-12-31T23:59:59Z', 'Friday, 31-Dec-99 23:59:59 GMT')).toBe(0);
  });

  test.for<[string, number]>([
    ['an hour behind', -3_600_000],
    ['right', 0],
    ['an hour ahead', 3_600_000],
  ])('measures a date and a Unix time against the Date of the response, with a clock that is %s', ([, error]) => {
    const date = new Date(today).toUTCString();
    const read = (headers: Record<string, string>): number | undefined =>
      retryAfter(new Response(null, { status: 429, headers: { date, ...headers } }), today + error);
    const then = today + 30_000;
    expect(read({ 'retry-after': new Date(then).toUTCString() })).toBe(30_000);
    expect(read({ 'x-ratelimit-reset': unix(then) })).toBe(30_000);
    expect(read({ 'x-ratelimit-reset': String(then) })).toBe(30_000);
    expect(read({ 'retry-after': new Date(then).toUTCString(), age: '10' })).toBe(20_000);
    expect(read({ 'retry-after': new Date(then).toUTCString(), age: 'old' })).toBe(30_000);
    expect(read({ 'retry-after': new Date(then).toUTCString(), age: '60' })).toBe(0);
    expect(read({ 'retry-after': '30', age: '10' })).toBe(30_000);
  });

  test('measures a date against the clock of the client without a valid Date', () => {
    expect(pause({ 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT', date: 'today' })).toBe(1_000);
  });

  test('is the time until any date that the platform can write', () => {
    const dates = fc.date({ min: new Date(now + 1_000), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        const seconds = Math.floor(date.getTime() / 1_000) * 1_000;
        expect(pause({ 'retry-after': date.toUTCString() })).toBe(seconds - now);
      }),
    );
  });

  test.for([
    '-1',
    '-1.5',
    '+5',
    'NaN',
    'Infinity',
    '1e3',
    '0x10',
    '1,000',
    '5, 10',
    '5s',
    'soon',
    '1 minute',
    '.5',
    '5.',
    '1994-11-06T08:49:37Z',
    '06 Nov 1994 08:49:37 GMT',
    'Sun, 99 Nov 1994 08:49:37 GMT',
    'Sunday',
    'Monkey 5',
    'Sat 5',
    'Friday, in 3 hours',
    'Sun, 30 Feb 1994 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 anF 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 +0200',
    'Sun Nov 06 1994 08:49:37 GMT+0200 (CEST)',
    'Sun, 6 Nov 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 PST',
  ])('ignores an invalid Retry-After: %s', (value) => {
    expect(pause({ 'retry-after': value })).toBeUndefined();
  });

  test('is undefined, or 0 or more, for any text in the fields', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789.-+eE:;=, tTGMSunThuNov'.split('')) }),
      fc.string({ unit: 'grapheme-ascii' }),
    );
    const names = ['retry-after', 'retry-after-ms', 'ratelimit-reset', 'ratelimit', 'date', 'age'];
    fc.assert(
      fc.property(fc.constantFrom(...names), text, (name, value) => {
        const ms = pause({ [name]: value });
        expect(ms === undefined || ms >= 0).toBe(true);
      }),
    );
  });

  test('reads retry-after-ms as ms', () => {
    expect(pause({ 'retry-after-ms': '250' })).toBe(250);
    expect(pause({ 'retry-after-ms': '0' })).toBe(0);
    expect(pause({ 'retry-after-ms': '-250' })).toBeUndefined();
    expect(pause({ 'x-ms-retry-after-ms': '250' })).toBe(250);
  });

  test('prefers retry-after-ms to Retry-After, and Retry-After to the rate-limit fields', () => {
    const fields = {
      'retry-after': '2',
      'ratelimit-reset': '3',
      'x-ratelimit-reset': '4',
      ratelimit: '"default";r=0;t=5',
    };
    expect(pause({ 'retry-after-ms': '1', ...fields })).toBe(1);
    expect(pause({ 'retry-after-ms': 'soon', ...fields })).toBe(2_000);
    expect(pause({ ...fields, 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' })).toBe(1_000);
    expect(pause({ ...fields, 'retry-after': '0' })).toBe(0);
    expect(pause({ ...fields, 'retry-after': 'soon' })).toBe(3_000);
    expect(pause({ 'x-ratelimit-reset': '4', ratelimit: '"default";r=0;t=5' })).toBe(4_000);
  });

  test.for([
    'ratelimit-reset',
    'x-ratelimit-reset',
    'x-rate-limit-reset',
    'x-ratelimit-retry-after',
    'x-ratelimit-reset-after',
  ])('reads %s as seconds, as Unix time in seconds or in ms, as a duration or as a date', (name) => {
    const reset = (value: string): number | undefined =>
      retryAfter(new Response(null, { status: 429, headers: { [name]: value } }), today);
    expect(reset('30')).toBe(30_000);
    expect(reset('0')).toBe(0);
    expect(reset('0.5')).toBe(500);
    expect(reset(unix(today + 30_000))).toBe(30_000);
    expect(reset(unix(today - 30_000))).toBe(0);
    expect(reset(String(today + 30_000))).toBe(30_000);
    expect(reset(String(today - 30_000))).toBe(0);
    expect(reset(`${(today + 30_000) / 1_000}.25`)).toBe(30_250);
    expect(reset('Thu, 15 Jan 2026 00:00:30 GMT')).toBe(30_000);
    expect(reset('2026-01-15T00:00:30Z')).toBeUndefined();
    expect(reset('6m0s')).toBeUndefined();
    expect(reset('Thu Jan 15 2026 01:00:30 GMT+0100 (CET)')).toBeUndefined();
    expect(reset('s')).toBeUndefined();
    expect(reset('')).toBeUndefined();
    expect(reset('-30')).toBeUndefined();
    expect(reset('tomorrow')).toBeUndefined();
  });

  test.for<[string, number | undefined]>([
    ['"default";r=0;t=30', 30_000],
    ['"default"; r=0; t=30', 30_000],
    ['"default";t=30;r=0', 30_000],
    ['"default";r=0;t=0', 0],
    ['"default";r=0', undefined],
    ['"default";r=0;t=-5', undefined],
    ['"default";r=0;ttl=5', undefined],
  ])('reads the t of the draft’s RateLimit: %s', ([value, ms]) => {
    expect(pause({ ratelimit: value }, 429)).toBe(ms);
  });

  test('reads the longest t of the quotas that are used up, where the draft’s RateLimit names several', () => {
    expect(pause({ ratelimit: '"day";r=900;t=40000, "second";r=0;t=1' }, 429)).toBe(1_000);
    expect(pause({ ratelimit: '"second";r=0;t=1, "day";r=0;t=40000' }, 429)).toBe(40_000_000);
  });

  test.for([200, 301, 403, 500, 502, 504])('ignores the quota fields of a response of %d', (status) => {
    expect(pause({ 'ratelimit-reset': '30', ratelimit: '"default";r=0;t=30' }, status)).toBeUndefined();
    expect(pause({ 'retry-after': '30' }, status)).toBe(30_000);
  });

  test('measures from the present time when no time is passed', () => {
    vi.useFakeTimers({ now: now - 4_000 });
    const headers = { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' };
    expect(retryAfter(new Response(null, { status: 503, headers }))).toBe(5_000);
  });

  test('never reads the body', () => {
    const response = new Response('later', { status: 503, headers: { 'retry-after': '1' } });
    retryAfter(response);
    expect(response.bodyUsed).toBe(false);
  });
});
