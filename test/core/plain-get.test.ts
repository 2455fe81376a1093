import { describe, expect, test } from 'vitest';

import { isPlain, PlainGet, plainGet, requestOf } from '../../src/core/plain-get.ts';

describe('a plain GET', () => {
  test.each([
    'http://api.example',
    'http://api.example/users/7?page=2#top',
    'https://API.example:443/a/../b c',
    'data:text/plain,hello',
  ])('of %s says of itself what its Request would say', (url) => {
    const plain = plainGet(url)!;
    const request = new Request(url);
    const { method, body, redirect, integrity } = request;
    expect(plain).toMatchObject({ url: request.url, method, body, redirect, integrity });
    expect([...plain.headers]).toEqual([...request.headers]);
  });

  test('is made of a URL, too, as it is at that moment', () => {
    const url = new URL('http://api.example/users');
    const plain = plainGet(url)!;
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
    expect(plainGet(input)).toBeUndefined();
  });

  test('makes its Request once, and is plain until then', () => {
    const plain = new PlainGet('http://api.example/');
    expect(isPlain(plain)).toBe(true);
    const { request } = plain;
    request.headers.set('x-tenant', 'blue');
    expect(requestOf(plain)).toBe(request);
    expect(plain.headers.get('x-tenant')).toBe('blue');
    expect(isPlain(plain)).toBe(false);
  });

  test('a Request is what it is', () => {
    const request = new Request('http://api.example/');
    expect(requestOf(request)).toBe(request);
    expect(isPlain(request)).toBe(false);
  });
});
