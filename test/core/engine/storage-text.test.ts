import { describe, expect, test } from 'vitest';
import { decodeText, encodeText } from '../../../src/core/engine/storage-text.ts';

describe('encodeText', () => {
  test.each(['', 'plain', 'é€😀', ' "quoted inside" ', '{"json":1}'])('leaves %j as it is', (text) => {
    expect(encodeText(text)).toBe(text);
  });

  test.each(['\ud800', 'a\ud83d', '\udc00\ud800', 'before\0after', '"', '""', '"\\ud800"'])(
    'writes %j as text without lone surrogates and NUL, which decodeText reads back',
    (text) => {
      expect(encodeText(text)).not.toMatch(/[\0\p{Surrogate}]/u);
      expect(decodeText(encodeText(text))).toBe(text);
    },
  );

  test('never gives a lone quote, which a store may use as a key of its own', () => {
    expect(encodeText('"')).toBe('"\\""');
  });
});
