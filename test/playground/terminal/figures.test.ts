import { describe, expect, test } from 'vitest';
import { count, milliseconds, ratio, rest, share } from '../../../playground/terminal/figures.ts';

describe('figures', () => {
  test('separate thousands', () => {
    expect(count(1_500)).toBe('1,500');
  });

  test('show times in ms up to a second, then in seconds', () => {
    expect(milliseconds(20.4)).toBe('20 ms');
    expect(milliseconds(999.4)).toBe('999 ms');
    expect(milliseconds(999.6)).toBe('1.00 s');
    expect(milliseconds(1_234)).toBe('1.23 s');
    expect(milliseconds(undefined)).toBe('–');
  });

  test('show 100.0 % only for all', () => {
    expect(share(1_500, 1_500)).toBe('100.0 %');
    expect(share(99_999, 100_000)).toBe('99.9 %');
    expect(share(0, 3)).toBe('0.0 %');
    expect(share(0, 0)).toBe('–');
  });

  test('add up to a whole for a share and its rest', () => {
    expect([share(299, 300), rest(299, 300)]).toEqual(['99.6 %', '0.4 %']);
    expect([share(2, 3), rest(2, 3)]).toEqual(['66.6 %', '33.4 %']);
    expect(rest(3, 3)).toBe('0.0 %');
    expect(rest(0, 0)).toBe('–');
  });

  test('show no ratio to zero', () => {
    expect(ratio(1.066)).toBe('1.07');
    expect(ratio(0 / 0)).toBe('–');
  });
});
