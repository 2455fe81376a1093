import { KyoaError } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { readKey, writeKey } from '../../../src/lib/resend.ts';

const read = (value: string): string | undefined => readKey(value);

describe('readKey', () => {
  test.each([
    ['order-42', 'order-42'],
    ['  order-42 ', 'order-42'],
    ['"order-42"', 'order-42'],
    ['"order-42";v=1', 'order-42'],
    ['"order-42" ; v=1', 'order-42'],
    [String.raw`"a \"quoted\" \\ key"`, String.raw`a "quoted" \ key`],
    ['""', ''],
    ['', ''],
  ])('reads %s as %s', (value, key) => {
    expect(read(value)).toBe(key);
  });

  test.each(['"open', '"one", "two"', '"one"two', String.raw`"bad \escape"`])('reads %s as a bare key', (value) => {
    expect(read(value)).toBe(value);
  });

  test('returns undefined for a missing header', () => {
    expect(readKey(null)).toBeUndefined();
    expect(readKey('mine')).toBe('mine');
  });
});

describe('writeKey', () => {
  test('writes a key that readKey reads back, in both formats', () => {
    for (const key of ['order-42', 'with space', String.raw`"\ '`, '~!@#$%^&*()_+', 'a'.repeat(300)]) {
      expect(read(writeKey(key, 'structured'))).toBe(key);
      expect(writeKey(key, 'bare')).toBe(key);
    }
    expect(writeKey('order-42', 'structured')).toBe('"order-42"');
  });

  test.each(['', ' led by space', 'trailed ', 'tab\tulated', 'line\nfeed', 'bestellung-grün', '注文', '\u007f', '😀'])(
    'throws for %j, which no header can carry',
    (key) => {
      for (const format of ['bare', 'structured'] as const) {
        expect(() => writeKey(key, format)).toThrow(KyoaError);
        expect(() => writeKey(key, format)).toThrow(/requestId must be printable ASCII/);
      }
    },
  );
});
