import { describe, expect, test } from 'vitest';

import { canonicalRoute, compileRoute, routeProblem, RouteTable } from '../../src/policy/routes.ts';

/** The first of the patterns that decides about the call. */
function chosen(patterns: readonly string[], method: string, url: string): unknown {
  const routes = patterns.map((pattern) => compileRoute(canonicalRoute(pattern), { pattern }));
  return new RouteTable(routes).optionsFor(method, new URL(url).href, {})['pattern'];
}

describe('a route', () => {
  test.for<[string, string, string, boolean]>([
    ['*', 'GET', 'https://api.example.com/users', true],
    ['POST *', 'GET', 'https://api.example.com/users', false],
    ['/users/*', 'GET', 'https://api.example.com/users/42', true],
    ['/users/*', 'GET', 'https://api.example.com/v1/users/42', false],
    ['/users', 'GET', 'https://api.example.com/users/42', false],
    ['GET https://api.example.com/users/*', 'GET', 'https://api.example.com/users/42/orders', true],
    ['GET https://api.example.com/users/*', 'HEAD', 'https://api.example.com/users/42', false],
    ['https://api.example.com/users', 'GET', 'https://api.example.com/users?page=2#top', true],
    ['https://api.example.com', 'GET', 'https://api.example.com', true],
    ['https://api.example.com', 'GET', 'https://api.example.com/users', false],
    ['https://api.example.com*', 'GET', 'https://api.example.com/users', true],
    ['https://API.Example.com/Users', 'GET', 'https://api.example.com/Users', true],
    ['https://api.example.com/Users', 'GET', 'https://api.example.com/users', false],
    ['HTTPS://api.example.com/*', 'GET', 'HTTPS://API.EXAMPLE.COM/users', true],
    ['https://api.example.com:443/*', 'GET', 'https://api.example.com/users', true],
    ['https://*.example.com:443/*', 'GET', 'https://api.example.com/users', true],
    ['https://api.example.com:8443/*', 'GET', 'https://api.example.com/users', false],
    ['https://api.example.com:*/users', 'GET', 'https://api.example.com:8443/users', true],
    ['https://api.example.com/*', 'GET', 'http://api.example.com/users', false],
    ['*://api.example.com/*', 'GET', 'http://api.example.com/users', true],
    ['https://*.example.com/users', 'GET', 'https://evil.test/a.example.com/users', false],
    ['https://*.example.com/users', 'GET', 'https://eu.api.example.com/users', true],
    ['http://[::1]:8080/*', 'GET', 'http://[::1]:8080/users', true],
    ['https://bücher.example/*', 'GET', 'https://bücher.example/1', true],
    ['/straße/*', 'GET', 'https://api.example.com/straße/1', true],
    ['/a.c', 'GET', 'https://api.example.com/abc', false],
    ['/(a|b)', 'GET', 'https://api.example.com/a', false],
    ['/*/orders', 'GET', 'https://api.example.com/orders', false],
    ['/*a*b', 'GET', 'https://api.example.com/ab', true],
    ['/ab*ba', 'GET', 'https://api.example.com/aba', false],
  ])('%s has %s %s: %s', ([pattern, method, url, expected]) => {
    expect(chosen([pattern], method, url)).toBe(expected ? pattern : undefined);
  });

  test.for<[string, readonly string[]]>([
    ['the longer one', ['*', '/users/*', 'https://api.example.com/*', 'https://api.example.com/users/*']],
    ['with a method', ['https://api.example.com/users/42', 'GET https://api.example.com/users/42']],
    ['the longer one, before one with a method', ['GET *', '/users/42']],
    ['with fewer stars', ['/users/42*', '/users/42']],
  ])('that is more specific decides alone: %s', ([, patterns]) => {
    const expected = patterns.at(-1);
    expect(chosen(patterns, 'GET', 'https://api.example.com/users/42')).toBe(expected);
    expect(chosen(patterns.toReversed(), 'GET', 'https://api.example.com/users/42')).toBe(expected);
  });

  test.for<[string, string]>([
    ['', 'must be like "GET https://api.example.com/users/*"'],
    ['GET', 'must be like'],
    ['users/*', 'must be like'],
    ['api.example.com/users', 'must be like'],
    ['ftp://api.example.com/', 'must be like'],
    ['https://', 'must be like'],
    ['https:///users', 'must be like'],
    ['https://a b/users', 'must be like'],
    ['https://api.example.com:port/', 'must be like'],
    ['GET, POST /users', 'must be like'],
    ['get /users', 'must have its method in upper case: GET'],
    ['/users?page=1', 'must have no query and no hash'],
    ['/users#top', 'must have no query and no hash'],
    ['https://user:hunter2@api.example.com/', 'must have no name and no password in its URL'],
  ])('%j is refused: it %s', ([pattern, expected]) => {
    expect(routeProblem(pattern)).toContain(expected);
  });

  test('with many stars takes no longer than its letters', () => {
    const route = compileRoute(`/${'a*'.repeat(200)}b`, {});
    const started = performance.now();
    expect(route.matches('GET', 'https://api.example.com', `/${'a'.repeat(50_000)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('gives its options to calls that have none of their own', () => {
    const own = { retry: { retries: 1, maxRetryAfter: 5 }, timeout: 1_000, hedge: false };
    const routes = new RouteTable([compileRoute('*', own)]);
    const options = (given: Record<string, unknown>): unknown => routes.optionsFor('GET', 'https://a.example/', given);
    expect(options({})).toEqual({ retry: { retries: 1, maxRetryAfter: 5 }, timeout: 1_000, hedge: false });
    expect(options({ retry: 4 })).toMatchObject({ retry: { retries: 4, maxRetryAfter: 5 } });
    expect(options({ retry: { retries: undefined } })).toMatchObject({ retry: { retries: 1, maxRetryAfter: 5 } });
    expect(options({ retry: false, timeout: { headers: 5 } })).toMatchObject({
      retry: false,
      timeout: { total: 1_000, headers: 5 },
    });
    expect(options({ hedge: 0.1 })).toMatchObject({ hedge: 0.1 });
    expect(options({ hedge: true, timeout: undefined })).toMatchObject({ hedge: false, timeout: 1_000 });
  });
});
