import { describe, expect, test } from 'vitest';
import { byOrigin, byRoute, type Context } from '../../src/index.ts';
import { contextOf } from '../support/context.ts';

const at = (url: string, method = 'GET'): Context => contextOf({ request: new Request(url, { method }) });

describe('byRoute', () => {
  test.each([
    ['https://a.example/', 'https://a.example/'],
    ['https://a.example', 'https://a.example/'],
    ['https://a.example/users?page=2#top', 'https://a.example/users'],
    ['https://a.example:8443/v2/users/42', 'https://a.example:8443/v2/users/:id'],
    ['https://a.example/users/42/orders/7/', 'https://a.example/users/:id/orders/:id/'],
    ['https://a.example/o/018f4d2e-5b1c-7cc3-98c4-dc0c0c07398f', 'https://a.example/o/:id'],
    ['https://a.example/o/507f1f77bcf86cd799439011', 'https://a.example/o/:id'],
    ['https://a.example/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709', 'https://a.example/blob/:id'],
    ['https://a.example/o/01ARZ3NDEKTSV4RRFFQ69G5FAV', 'https://a.example/o/:id'],
    ['https://a.example/o/V1StGXR8_Z5jdHi6B-myT', 'https://a.example/o/:id'],
    ['https://a.example/api/v2/decade', 'https://a.example/api/v2/decade'],
    ['https://a.example/internationalization-guidelines', 'https://a.example/internationalization-guidelines'],
    ['https://a.example/users?next=https://b.example/42', 'https://a.example/users'],
  ])('of %s is the method and %s', (url, route) => {
    expect(byRoute(at(url))).toBe(`GET ${route}`);
    expect(byRoute(at(url, 'DELETE'))).toBe(`DELETE ${route}`);
  });

  test('returns the same route after more routes than it remembers', () => {
    for (let route = 0; route < 1_500; route += 1) byRoute(at(`https://a.example/r${route}`));
    expect(byRoute(at('https://a.example/r0'))).toBe('GET https://a.example/r0');
  });
});

test('byOrigin is scheme, host and port', () => {
  expect(byOrigin(at('https://a.example/users?x=1'))).toBe('https://a.example');
  expect(byOrigin(at('http://a.example:8080/users'))).toBe('http://a.example:8080');
  expect(byOrigin(at('http://[::1]:3000/'))).toBe('http://[::1]:3000');
});
