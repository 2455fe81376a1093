import { describe, expect, test } from 'vitest';
import { parseTraceparent, traceparent } from '../../src/lib/trace-context.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';

describe('parseTraceparent', () => {
  test.each([
    [`00-${trace}-${span}-01`, '01'],
    [`00-${trace}-${span}-00`, '00'],
    [`00-${trace}-${span}-03`, '01'],
    [`00-${trace}-${span}-fe`, '00'],
    [`01-${trace}-${span}-01`, '01'],
    [`cc-${trace}-${span}-01-what-the-future-brings`, '01'],
  ])('reads %s', (header, flags) => {
    expect(parseTraceparent(header)).toEqual({ traceId: trace, flags });
  });

  test.each([
    [null],
    [''],
    [`ff-${trace}-${span}-01`],
    [`00-${trace}-${span}-01-more`],
    [`00-${trace}-${span}-01.`],
    [`01-${trace}-${span}-01more`],
    [`00-${'0'.repeat(32)}-${span}-01`],
    [`00-${trace}-${'0'.repeat(16)}-01`],
    [`00-${trace.toUpperCase()}-${span}-01`],
    [`00-${trace}-${span}-1`],
    [`00-${trace.slice(1)}-${span}-01`],
    [`0-${trace}-${span}-01`],
    [`00-${trace}-${span}`],
    [`00-${trace}-${span}-01, 00-${trace}-${span}-01`],
  ])('refuses %s', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  test('reads what traceparent() writes, which has a new span id each time', () => {
    const made = Array.from({ length: 1_000 }, () => traceparent({ traceId: trace, flags: '01' }));
    expect(new Set(made).size).toBe(1_000);
    for (const header of made) expect(parseTraceparent(header)).toEqual({ traceId: trace, flags: '01' });
  });
});
