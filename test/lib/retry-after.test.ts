import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { retryAfter } from '../../src/lib/retry-after.ts';

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
  ])('ignores an invalid Retry-After: %s', (value) => {
    expect(pause({ 'retry-after': value })).toBeUndefined();
  });

  test('is undefined, or 0 or more, for any text in the fields', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789.-+eE:;=, tTGMSunThuNov'.split('')) }),
      fc.string({ unit: 'grapheme-ascii' }),
    );
    const names = ['retry-after', 'retry-after-ms', 'ratelimit-reset', 'ratelimit'];
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

  test.for(['ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset'])(
    'reads %s as seconds or as Unix time',
    (name) => {
      const reset = (value: string): number | undefined =>
        retryAfter(new Response(null, { status: 429, headers: { [name]: value } }), today);
      expect(reset('30')).toBe(30_000);
      expect(reset('0')).toBe(0);
      expect(reset('0.5')).toBe(500);
      expect(reset(unix(today + 30_000))).toBe(30_000);
      expect(reset(unix(today - 30_000))).toBe(0);
      expect(reset('-30')).toBeUndefined();
      expect(reset('tomorrow')).toBeUndefined();
    },
  );

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
