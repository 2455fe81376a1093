import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isUntouched, LazyGet, lazyGet, toRequest } from '../../../src/core/engine/lazy-request.ts';

describe('a plain GET', () => {
  test.each([
    'http://api.example',
    'http://api.example/users/7?page=2#top',
    'https://API.example:443/a/../b c',
    'data:text/plain,hello',
  ])('of %s says of itself what its Request would say', (url) => {
    const plain = lazyGet(url)!;
    const request = new Request(url);
    const { method, body, redirect, integrity } = request;
    expect(plain).toMatchObject({ url: request.url, method, body, redirect, integrity });
    expect([...plain.headers]).toEqual([...request.headers]);
  });

  test('is of the URL that the platform would write, also where it is not asked', () => {
    const pieces = [
      '/ . ? # % @ : & = \' " | \\ ^ ` { } [ ] < > é a Z 0 ~ ..  %2e /.. 80 http://'.split(' '),
      ' ',
      '\t',
    ];
    const piece = fc.constantFrom(...pieces.flat());
    const tail = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const start = fc.constantFrom(
      'http://api.example',
      'https://127.0.0.1:8443',
      'HTTP://api.example:80',
      'ws://api.example',
    );
    fc.assert(
      fc.property(start, tail, (start, tail) => {
        lazyGet(`${start}/`); // has been asked for before
        const url = URL.parse(start + tail);
        const isWhole = url !== null && url.username + url.password === '';
        expect(lazyGet(start + tail)?.url).toBe(isWhole ? url.href : undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is made of a URL, too, as it is at that moment', () => {
    const url = new URL('http://api.example/users');
    const plain = lazyGet(url)!;
    url.pathname = '/orders';
    expect(plain.url).toBe('http://api.example/users');
  });

  test.each([
    ['relative', '/users'],
    ['no URL', 'http://'],
    ['with credentials', 'http://ada@api.example/'],
    ['with a password', new URL('http://:secret@api.example/')],
    ['a Request', new Request('http://api.example/')],
    ['something that has a URL for a name', { toString: (): string => 'http://api.example/' }],
  ])('is not what is %s: that is for Request to say', (_, input) => {
    expect(lazyGet(input)).toBeUndefined();
  });

  test('makes its Request once, and is plain until then', () => {
    const plain = new LazyGet('http://api.example/');
    expect(isUntouched(plain)).toBe(true);
    const { request } = plain;
    request.headers.set('x-tenant', 'blue');
    expect(toRequest(plain)).toBe(request);
    expect(plain.headers.get('x-tenant')).toBe('blue');
    expect(isUntouched(plain)).toBe(false);
  });

  test('a Request is what it is', () => {
    const request = new Request('http://api.example/');
    expect(toRequest(request)).toBe(request);
    expect(isUntouched(request)).toBe(false);
  });
});
