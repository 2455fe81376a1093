import { createFetch } from 'kyoa';
import { checkPolicy, fromServiceConfig, policy, PolicyError, toPolicy } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { origin } from '../support/origin.ts';

const name = [{ service: 'shop.Orders' }];
const retryPolicy = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};
const of = (method: object): unknown => ({ methodConfig: [{ name, ...method }] });
const retryOf = (change: object): unknown => of({ retryPolicy: { ...retryPolicy, ...change } });

describe('fromServiceConfig()', () => {
  test('makes a route of each name, the most specific of which wins, and of an empty one the default', () => {
    const document = fromServiceConfig({
      methodConfig: [
        { name: [{}], timeout: '9s' },
        { name: [{ service: 'shop.Orders' }], timeout: '5s' },
        {
          name: [
            { service: 'shop.Orders', method: 'Get' },
            { service: 'shop.Users', method: '' },
          ],
          timeout: '1.5s',
        },
      ],
    });
    expect(Object.keys(document.routes!)).toEqual(['*', '/shop.Orders/*', '/shop.Orders/Get', '/shop.Users/*']);
    const live = policy(document);
    const total = (path: string): unknown =>
      (live.optionsFor('POST', `https://a.example${path}`, {})['timeout'] as { total: number }).total;
    expect(['/shop.Orders/Get', '/shop.Orders/List', '/shop.Users/Get', '/other/Get'].map(total)).toEqual([
      1_500, 5_000, 1_500, 9_000,
    ]);
  });

  test('takes maxAttempts less one for retries, and 5 for more than that', () => {
    const retries = (maxAttempts: number): unknown =>
      fromServiceConfig(retryOf({ maxAttempts })).routes!['/shop.Orders/*']!['retry'];
    expect(retries(2)).toEqual({ retries: 1, backoff: { exponential: [100, 1_000] }, statuses: [503] });
    expect(retries(5)).toMatchObject({ retries: 4 });
    expect(retries(50)).toMatchObject({ retries: 4 });
  });

  test('takes the codes of gRPC by name in any case, or by number, as the statuses of HTTP', () => {
    const codes = ['UNAVAILABLE', 'resource_exhausted', 4, 14, 16, 1];
    expect(
      fromServiceConfig(retryOf({ retryableStatusCodes: codes })).routes!['/shop.Orders/*']!['retry'],
    ).toMatchObject({
      statuses: [503, 429, 504, 503, 401, 499],
    });
  });

  test('takes a hedgingPolicy for copies, and no hedgingPolicy for none', () => {
    const document = fromServiceConfig({
      methodConfig: [
        { name, hedgingPolicy: { maxAttempts: 4, hedgingDelay: '0.5s', nonFatalStatusCodes: ['UNAVAILABLE'] } },
        { name: [{}] },
      ],
      retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    });
    expect(document.routes).toMatchObject({
      '/shop.Orders/*': { hedge: { hedges: 3, delay: 500 } },
      '*': { hedge: false },
    });
    expect(document.use).toMatchObject([
      { timeout: {} },
      { retry: { retries: 0 } },
      { hedge: { budget: { ratio: 0.1 } } },
    ]);
    expect(fromServiceConfig(of({})).use).toMatchObject([{ timeout: {} }, { retry: {} }]);
    expect(fromServiceConfig(of({ hedgingPolicy: { maxAttempts: 2 } })).routes).toMatchObject({
      '/shop.Orders/*': { hedge: { delay: 0 } },
    });
  });

  test('takes retryThrottling for the budget: half of the tokens may be used up', () => {
    const budget = (throttling: object): unknown => {
      const [, entry] = fromServiceConfig({ retryThrottling: throttling }).use as [
        unknown,
        { retry: { budget: unknown } },
      ];
      return entry.retry.budget;
    };
    expect(budget({ maxTokens: 100, tokenRatio: 0.5 })).toEqual({ ratio: 0.5, floor: 5, window: 10_000 });
    expect(budget({ maxTokens: 1000, tokenRatio: 3 })).toMatchObject({ ratio: 1, floor: 50 });
  });

  test('makes a document without faults, which retries a POST as gRPC does', async () => {
    const document = fromServiceConfig(retryOf({ initialBackoff: '0.001s', maxBackoff: '0.002s' }));
    expect(checkPolicy(document).problems).toEqual([]);
    expect(toPolicy(policy(document).current).use).toHaveLength(2);
    await using server = await origin(({ response }) => response.writeHead(503).end());
    const fetch = createFetch({ use: policy(document) });
    await (await fetch(`${server.url}shop.Orders/Get`, { method: 'POST', body: '{}' })).text();
    expect(server.exchanges).toHaveLength(3);
    await (await fetch(`${server.url}shop.Users/Get`, { method: 'POST', body: '{}' })).text();
    expect(server.exchanges).toHaveLength(4);
  });

  test('leaves out what has no counterpart', () => {
    expect(fromServiceConfig({ loadBalancingConfig: [{ round_robin: {} }], healthCheckConfig: {} }).routes).toEqual({});
    expect(fromServiceConfig({}).use).toMatchObject([{ timeout: {} }, { retry: { retries: 0 } }]);
  });

  test.for<[string, unknown, string]>([
    ['no object', [], 'it is no object'],
    ['null', null, 'it is no object'],
    ['methodConfig that is no list', { methodConfig: {} }, 'methodConfig must be a list'],
    ['a method that is no object', { methodConfig: [null] }, 'methodConfig[0] must be an object'],
    ['a method without a name', { methodConfig: [{}] }, 'methodConfig[0].name must be a list with at least one name'],
    [
      'a method of no service',
      { methodConfig: [{ name: [{ method: 'Get' }] }] },
      'methodConfig[0].name[0] must be { "service": "shop.Orders", "method": "Get" }, or without method',
    ],
    ['a name that is null', { methodConfig: [{ name: [null] }] }, 'methodConfig[0].name[0] must be { "service"'],
    [
      'one name twice',
      { methodConfig: [{ name }, { name }] },
      'methodConfig[1] has a name that another one has: /shop.Orders/*',
    ],
    [
      'both policies',
      of({ retryPolicy, hedgingPolicy: { maxAttempts: 2 } }),
      'methodConfig[0] has both retryPolicy and hedgingPolicy: gRPC permits one of them',
    ],
    ['a retryPolicy that is null', of({ retryPolicy: null }), 'methodConfig[0].retryPolicy'],
    [
      'one attempt',
      retryOf({ maxAttempts: 1 }),
      'methodConfig[0].retryPolicy.maxAttempts must be a whole number of 2 or more',
    ],
    [
      'attempts in quotes',
      retryOf({ maxAttempts: '3' }),
      'methodConfig[0].retryPolicy.maxAttempts must be a whole number of 2 or more',
    ],
    ['a duration in ms', of({ timeout: 500 }), 'methodConfig[0].timeout must be a duration such as "1.5s"'],
    ['a duration of 0', of({ timeout: '0s' }), 'methodConfig[0].timeout must be a duration such as "1.5s"'],
    ['a duration below 0', of({ timeout: '-1s' }), 'methodConfig[0].timeout must be a duration'],
    [
      'a backoff of 0',
      retryOf({ initialBackoff: '0s' }),
      'methodConfig[0].retryPolicy.initialBackoff must be a duration',
    ],
    [
      'a multiplier of 0',
      retryOf({ backoffMultiplier: 0 }),
      'methodConfig[0].retryPolicy.backoffMultiplier must be above 0',
    ],
    [
      'no codes',
      retryOf({ retryableStatusCodes: [] }),
      'methodConfig[0].retryPolicy.retryableStatusCodes must be a list with at least one code',
    ],
    [
      'a code of HTTP',
      retryOf({ retryableStatusCodes: [503] }),
      'methodConfig[0].retryPolicy.retryableStatusCodes[0] is no status code of gRPC: 503',
    ],
    [
      'a code named constructor',
      retryOf({ retryableStatusCodes: ['constructor'] }),
      'retryableStatusCodes[0] is no status code of gRPC: constructor',
    ],
    [
      'more than 1000 tokens',
      { retryThrottling: { maxTokens: 1_001, tokenRatio: 1 } },
      'retryThrottling.maxTokens must be a number above 0 and at most 1000',
    ],
    ['no tokens', { retryThrottling: { maxTokens: 0, tokenRatio: 1 } }, 'retryThrottling.maxTokens must be'],
    [
      'a ratio of 0',
      { retryThrottling: { maxTokens: 10, tokenRatio: 0 } },
      'retryThrottling.tokenRatio must be a number above 0',
    ],
    [
      'a hedging of one attempt',
      of({ hedgingPolicy: { maxAttempts: 1 } }),
      'methodConfig[0].hedgingPolicy.maxAttempts',
    ],
  ])('refuses %s', ([, config, expected]) => {
    expect(() => fromServiceConfig(config)).toThrow(PolicyError);
    expect(() => fromServiceConfig(config)).toThrow(expected);
    expect(() => fromServiceConfig(config)).toThrow(/^The document of the service config is refused\. /);
  });
});
