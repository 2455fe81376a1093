import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isUntouched, LazyGet, lazyGet, toRequest } from '../../../src/core/engine/lazy-request.ts';

describe('lazyGet', () => {
  test.each([
    'http://api.example',
    'http://api.example/users/7?page=2#top',
    'https://API.example:443/a/../b c',
    'data:text/plain,hello',
  ])('has the members that its Request would have: %s', (url) => {
    const lazy = lazyGet(url)!;
    const request = new Request(url);
    const { method, body, redirect, integrity } = request;
    expect(lazy).toMatchObject({ url: request.url, method, body, redirect, integrity });
    expect([...lazy.headers]).toEqual([...request.headers]);
  });

  test('has the URL that the platform would serialize, although it does not always parse it', () => {
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
        lazyGet(`${start}/`); // so that the origin is known
        const url = URL.parse(start + tail);
        const isWhole = url !== null && url.username + url.password === '';
        expect(lazyGet(start + tail)?.url).toBe(isWhole ? url.href : undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  test('takes a URL object, and does not change with it', () => {
    const url = new URL('http://api.example/users');
    const lazy = lazyGet(url)!;
    url.pathname = '/orders';
    expect(lazy.url).toBe('http://api.example/users');
  });

  test.each([
    ['a relative URL', '/users'],
    ['not a URL', 'http://'],
    ['a URL with credentials', 'http://ada@api.example/'],
    ['a URL with a password', new URL('http://:secret@api.example/')],
    ['a Request', new Request('http://api.example/')],
    ['an object that converts to a URL', { toString: (): string => 'http://api.example/' }],
  ])('is undefined for an input that is %s', (_, input) => {
    expect(lazyGet(input)).toBeUndefined();
  });

  test('creates its Request once, and is untouched until then', () => {
    const lazy = new LazyGet('http://api.example/');
    expect(isUntouched(lazy)).toBe(true);
    const { request } = lazy;
    request.headers.set('x-tenant', 'blue');
    expect(toRequest(lazy)).toBe(request);
    expect(lazy.headers.get('x-tenant')).toBe('blue');
    expect(isUntouched(lazy)).toBe(false);
  });
});

describe('toRequest', () => {
  test('returns a Request itself', () => {
    const request = new Request('http://api.example/');
    expect(toRequest(request)).toBe(request);
    expect(isUntouched(request)).toBe(false);
  });
});
