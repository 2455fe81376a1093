import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { retryAfter } from '../../src/lib/retry-after.ts';

/** A second before the date that RFC 9110 takes for its examples. */
const now = Date.UTC(1994, 10, 6, 8, 49, 36);

function asked(headers: Record<string, string>, status = 503): number | undefined {
  return retryAfter(new Response(null, { status, headers }), now);
}

const unix = (date: number): string => String(Math.floor(date / 1_000));
const today = Date.UTC(2026, 0, 15);

describe('retry-after', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is undefined where the server says nothing', () => {
    expect(asked({})).toBeUndefined();
    expect(asked({}, 429)).toBeUndefined();
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
  ])('takes Retry-After: %s for %d ms', ([value, ms]) => {
    expect(asked({ 'retry-after': value })).toBeCloseTo(ms);
  });

  test.for<[string, string]>([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime', 'Sun Nov  6 08:49:37 1994'],
  ])('takes a date in the form of %s', ([, date]) => {
    expect(asked({ 'retry-after': date })).toBe(1_000);
  });

  test('takes a date for UTC, wherever it is read', () => {
    // The asctime form names no zone: Date.parse would take it for local time.
    const zone = process.env['TZ'];
    try {
      process.env['TZ'] = 'Asia/Tokyo';
      expect(asked({ 'retry-after': 'Sun Nov  6 08:49:37 1994' })).toBe(1_000);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  test.for(['Sun, 06 Nov 1994 08:49:35 GMT', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Sun Nov  6 08:49:36 1994'])(
    'takes a date that is past for now: %s',
    (date) => {
      expect(asked({ 'retry-after': date })).toBe(0);
    },
  );

  test('comes back with the date it was given', () => {
    const dates = fc.date({ min: new Date(now + 1_000), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        const seconds = Math.floor(date.getTime() / 1_000) * 1_000;
        expect(asked({ 'retry-after': date.toUTCString() })).toBe(seconds - now);
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
  ])('understands nothing by Retry-After: %s', (value) => {
    expect(asked({ 'retry-after': value })).toBeUndefined();
  });

  test('is undefined or 0 or more, whatever a server says', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789.-+eE:;=, tTGMSunThuNov'.split('')) }),
      fc.string({ unit: 'grapheme-ascii' }),
    );
    const names = ['retry-after', 'retry-after-ms', 'ratelimit-reset', 'ratelimit'];
    fc.assert(
      fc.property(fc.constantFrom(...names), text, (name, value) => {
        const ms = asked({ [name]: value });
        expect(ms === undefined || ms >= 0).toBe(true);
      }),
    );
  });

  test('takes retry-after-ms for ms', () => {
    expect(asked({ 'retry-after-ms': '250' })).toBe(250);
    expect(asked({ 'retry-after-ms': '0' })).toBe(0);
    expect(asked({ 'retry-after-ms': '-250' })).toBeUndefined();
  });

  test('obeys retry-after-ms over Retry-After, and that over the rate-limit fields', () => {
    const fields = {
      'retry-after': '2',
      'ratelimit-reset': '3',
      'x-ratelimit-reset': '4',
      ratelimit: '"default";r=0;t=5',
    };
    expect(asked({ 'retry-after-ms': '1', ...fields })).toBe(1);
    expect(asked({ 'retry-after-ms': 'soon', ...fields })).toBe(2_000);
    expect(asked({ ...fields, 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' })).toBe(1_000);
    expect(asked({ ...fields, 'retry-after': '0' })).toBe(0);
    expect(asked({ ...fields, 'retry-after': 'soon' })).toBe(3_000);
    expect(asked({ 'x-ratelimit-reset': '4', ratelimit: '"default";r=0;t=5' })).toBe(4_000);
  });

  test.for(['ratelimit-reset', 'x-ratelimit-reset', 'x-rate-limit-reset'])(
    'takes %s for seconds, or for Unix time',
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
  ])('takes the t of the draft’s RateLimit: %s', ([value, ms]) => {
    expect(asked({ ratelimit: value }, 429)).toBe(ms);
  });

  test('takes the t of the quota that is used up, where the draft’s RateLimit names several', () => {
    expect(asked({ ratelimit: '"day";r=900;t=40000, "second";r=0;t=1' }, 429)).toBe(1_000);
    expect(asked({ ratelimit: '"second";r=0;t=1, "day";r=0;t=40000' }, 429)).toBe(40_000_000);
  });

  test.for([200, 301, 403, 500, 502, 504])('takes no quota for a pause in an answer of %d', (status) => {
    expect(asked({ 'ratelimit-reset': '30', ratelimit: '"default";r=0;t=30' }, status)).toBeUndefined();
    expect(asked({ 'retry-after': '30' }, status)).toBe(30_000);
  });

  test('goes by the clock when it is not told the time', () => {
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
