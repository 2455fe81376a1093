import { describe, expect, test } from 'vitest';

import {
  directivesOf,
  freshness,
  mayStore,
  cacheKey,
  staleTtl,
  staleness,
} from '../../../src/middleware/stale-if-error/cache-policy.ts';
import { fork, type Context } from '../../../src/core/context.ts';
import { requestOf } from '../../../src/core/engine/lazy-request.ts';
import { contextOf } from '../../support/context.ts';

const day = 86_400_000;
const response = (headers: Record<string, string>): Response => new Response('body', { headers });
const context = (side: 'client' | 'server' = 'client', headers: Record<string, string> = {}) =>
  fork(contextOf({ side }), { request: new Request('http://api.example/', { headers }) });

describe('directivesOf', () => {
  test.each([
    ['', {}],
    ['no-store', { 'no-store': '' }],
    ['Max-Age=60, PRIVATE', { 'max-age': '60', private: '' }],
    ['private="set-cookie, x-a", max-age="5"', { private: 'set-cookie, x-a', 'max-age': '5' }],
    [' stale-if-error = 9 ,, no-cache', { 'stale-if-error': '9', 'no-cache': '' }],
    ['x="no-store"', { x: 'no-store' }],
  ])('parses %j', (value, directives) => {
    expect(Object.fromEntries(directivesOf(new Headers({ 'cache-control': value })))).toEqual(directives);
  });
});

describe('staleTtl', () => {
  test.each([
    [{}, day],
    [{ 'cache-control': 'max-age=60' }, day],
    [{ 'cache-control': 'private, max-age=60' }, day],
    [{ 'cache-control': 'stale-if-error=60' }, 60_000],
    [{ 'cache-control': 'max-age=30, stale-if-error=60' }, 90_000],
    [{ 'cache-control': 'max-age=30, stale-if-error=60', age: '20' }, 70_000],
    [{ 'cache-control': 'max-age=30, stale-if-error=60', age: '200' }, 0],
    [{ 'cache-control': 'stale-if-error=999999999' }, day],
    [{ 'cache-control': 'stale-if-error=0' }, 0],
    [{ 'cache-control': 'stale-if-error=soon' }, day],
    [{ 'cache-control': 'no-store' }, 0],
    [{ 'cache-control': 'no-cache' }, 0],
    [{ 'cache-control': 'max-age=60, must-revalidate, stale-if-error=60' }, 0],
    [{ vary: '*' }, 0],
    [{ vary: 'Accept, *' }, 0],
    [{ vary: 'Accept-Language, X-Tenant' }, day],
    [{ vary: 'Accept, Cookie' }, 0],
    [{ vary: 'traceparent' }, 0],
    [{ 'set-cookie': 'a=b' }, day],
  ])('of a client’s response with %j is %i', (headers, ttl) => {
    expect(staleTtl(response(headers), context(), day)).toBe(ttl);
  });

  test('allows a response to be stored that varies by a cookie if the request shows the cookie', () => {
    expect(staleTtl(response({ vary: 'Cookie' }), context('client', { cookie: 'a=b' }), day)).toBe(day);
  });

  test.each([
    [{}, {}, day],
    [{ 'cache-control': 'private' }, {}, 0],
    [{ 'cache-control': 'proxy-revalidate' }, {}, 0],
    [{ 'cache-control': 's-maxage=60' }, {}, 0],
    [{ 'set-cookie': 'a=b' }, {}, 0],
    [{}, { authorization: 'Bearer a' }, 0],
    [{ 'cache-control': 'public' }, { authorization: 'Bearer a' }, day],
  ])('of a handler’s response with %j to a request with %j is %i', (headers, request, ttl) => {
    expect(staleTtl(response(headers), context('server', request as Record<string, string>), day)).toBe(ttl);
  });
});

describe('freshness', () => {
  test.each([
    [{}, 0],
    [{ 'cache-control': 'max-age=60', age: '20' }, 40],
    [{ date: 'Thu, 01 Jan 2026 00:00:00 GMT', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60],
    [{ date: 'Thu, 01 Jan 2026 00:00:00 GMT', expires: '0', age: '3' }, -3],
  ])('of a response with %j is %i s', (headers, seconds) => {
    expect(freshness(new Headers(headers as Record<string, string>))).toBe(seconds);
  });
});

describe('the cache policy of a request', () => {
  describe.each([
    ['a URL and an init', requestOf],
    ['a Request', (url: string, init: RequestInit) => new Request(url, init)],
  ])('that was given as %s', (_, make) => {
    const request = (init: RequestInit, url = 'http://api.example/a'): Context =>
      contextOf({ request: make(url, init) });
    const keyOf = (init: RequestInit, url?: string): string | undefined => cacheKey(request(init, url));

    test('allows its response to be stored if the request is a whole GET without no-store', () => {
      expect(mayStore(request({}))).toBe(true);
      const others: RequestInit[] = [
        { method: 'HEAD' },
        { method: 'POST' },
        { headers: { range: 'bytes=0-1' } },
        { headers: { 'cache-control': 'no-store' } },
        { cache: 'no-store' },
      ];
      for (const init of others) expect(mayStore(request(init))).toBe(false);
    });

    test('accepts a stale response, unless a header or the cache mode forbids it', () => {
      expect(staleness(request({}))).toBe(Infinity);
      expect(staleness(request({ headers: { 'cache-control': 'stale-if-error=60' } }))).toBe(60);
      for (const init of [
        { cache: 'reload' },
        { cache: 'no-cache' },
        { headers: { 'cache-control': 'no-cache' } },
      ] as const)
        expect(staleness(request(init))).toBe(0);
    });

    test('has a key of its URL, its modes and every header but those of one call', () => {
      const base = keyOf({});
      expect(keyOf({}, 'http://api.example/a#there')).toBe(base);
      for (const name of ['traceparent', 'x-request-id', 'if-none-match', 'cache-control'])
        expect(keyOf({ headers: { [name]: 'x' } })).toBe(base);
      const different = [
        keyOf({}, 'http://api.example/b'),
        keyOf({}, 'http://api.example/a?q'),
        keyOf({ credentials: 'omit' }),
        ...['authorization', 'cookie', 'accept', 'x-api-key', 'x-tenant'].map((name) =>
          keyOf({ headers: { [name]: 'x' } }),
        ),
      ];
      expect(new Set([base, ...different]).size).toBe(different.length + 1);
    });
  });
});
