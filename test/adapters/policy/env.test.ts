import { createFetch } from 'kyoa';
import { policy } from 'kyoa/policy';
import { env } from 'kyoa/policy/sources';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { placesOf } from '../../../adapters/policy/env.ts';
import { catalogue } from '../../../src/policy/catalogue.ts';
import { watched } from '../../support/policy/watched.ts';

afterEach(() => void vi.unstubAllEnvs());

/** What the source has reported at once. */
function reported(variables: Record<string, string>): string {
  const { said, texts } = watched(env('KYOA_', { env: variables }));
  expect(said.length).toBe(1);
  return texts[0] ?? said[0]!;
}

const options = (variables: Record<string, string>): object =>
  (JSON.parse(reported(variables)) as { options: object }).options;

describe('env', () => {
  test('is a document with an option for each variable', () => {
    expect(
      options({ KYOA_RETRY_RETRIES: '2', KYOA_TIMEOUT_TOTAL: '30000', KYOA_HEDGE: 'false', PATH: '/bin' }),
    ).toEqual({ timeout: { total: 30_000 }, retry: { retries: 2 }, hedge: false });
  });

  test.each([
    ['KYOA_STALE_IF_ERROR_TTL', '60000', { staleIfError: { ttl: 60_000 } }],
    ['KYOA_MAX_BODY_BYTES', '1000', { maxBody: { bytes: 1_000 } }],
    ['KYOA_RETRY_MAX_RETRY_AFTER', '5000', { retry: { maxRetryAfter: 5_000 } }],
    ['KYOA_RETRY_STATUSES', '[503]', { retry: { statuses: [503] } }],
    ['KYOA_RETRY_BUDGET_RATIO', '0.1', { retry: { budget: { ratio: 0.1 } } }],
    ['KYOA_BREAKER_SLOW_OVER', '500', { breaker: { slow: { over: 500 } } }],
    ['KYOA_LIMIT_RATE', '{"count":5,"window":1000}', { limit: { rate: { count: 5, window: 1_000 } } }],
    ['KYOA_LOG_SERVICE', 'shop', { log: { service: 'shop' } }],
    ['KYOA_LOG_SERVICE', '42', { log: { service: '42' } }],
    ['KYOA_ENDPOINTS_PICK', 'fastest', { endpoints: { pick: 'fastest' } }],
    ['KYOA_RETRY_RETRIES', 'many', { retry: { retries: 'many' } }],
    ['KYOA_RETRY_RETRIES', '1e400', { retry: { retries: '1e400' } }],
    ['KYOA_ENDPOINTS', '{"list":[]}', { endpoints: { list: [] } }],
    ['KYOA_ENDPOINTS_LIST', '[{"url":"http://a"}]', { endpoints: { list: [{ url: 'http://a' }] } }],
    ['KYOA_RETRY_BACKOFF', '{"constant":[5]}', { retry: { backoff: { constant: [5] } } }],
    ['KYOA_TRACE', 'true', { trace: true }],
  ])('sets %s=%s', (name, value, entry) => {
    expect(options({ [name]: value })).toEqual(entry);
  });

  test('sets an option within a policy that another variable sets', () => {
    expect(options({ KYOA_RETRY_RETRIES: '1', KYOA_RETRY: '{"retries":5,"statuses":[503]}' })).toEqual({
      retry: { retries: 1, statuses: [503] },
    });
    expect(options({ KYOA_HEDGE_RATIO: '0.1', KYOA_HEDGE: 'false' })).toEqual({ hedge: { ratio: 0.1 } });
  });

  test('passes KYOA_POLICY on as it is', () => {
    expect(reported({ KYOA_POLICY: '{ "use": [] }' })).toBe('{ "use": [] }');
    expect(reported({ KYOA_POLICY: '{ "use": [' })).toBe('{ "use": [');
  });

  test('refuses an option beside KYOA_POLICY, which another prefix is for', () => {
    expect(reported({ KYOA_POLICY: '{}', KYOA_RETRY_RETRIES: '1' })).toBe(
      'failed: env KYOA_: KYOA_POLICY is a whole document, and KYOA_RETRY_RETRIES is beside it; give one of them another prefix, and use env() twice',
    );
  });

  test('is no document without variables, which an empty one is none of', () => {
    expect(reported({ HOME: '/', KYOA_RETRY_RETRIES: '', KYOA_POLICY: '' })).toBe('absent');
  });

  test.each([
    ['KYOA_RETRY_RETRYS', ': do you mean KYOA_RETRY_RETRIES?'],
    ['KYOA_TIMEOUT_TOTL', ': do you mean KYOA_TIMEOUT_TOTAL?'],
    ['KYOA_STALEIFERROR_TTL', ': do you mean KYOA_STALE_IF_ERROR_TTL?'],
    ['KYOA_SERVICE_PORT_HTTPS_ALT', '; rename it, or choose another prefix'],
  ])('refuses %s, and names the nearest option', (name, advice) => {
    expect(reported({ [name]: 's3cret' })).toBe(`failed: env KYOA_: ${name} names no option of a policy${advice}`);
  });

  test('is a document that policy() accepts', async () => {
    const variables = { KYOA_RETRY_RETRIES: '2', KYOA_TIMEOUT_TOTAL: '30000', KYOA_DEDUPE: 'false', KYOA_LOG: 'true' };
    const live = policy(env('KYOA_', { env: variables }));
    await createFetch({ use: live, fetch: async () => new Response() })('http://api.example/');
    const { use, sources } = live.snapshot();
    expect(sources).toMatchObject([{ name: 'env KYOA_', state: 'good' }]);
    const retry = use.filter(({ name }) => name === 'retry');
    expect(retry).toMatchObject([{ options: { retries: 2 }, source: 'env KYOA_' }]);
    expect(use.map(({ name }) => name).join()).toBe('log,timeout,resume,idempotency,retry,breaker,timeout');
    live.close();
  });

  test('reads the variables of the process, with another prefix', () => {
    vi.stubEnv('SHOP_RETRY_RETRIES', '4');
    expect(watched(env('SHOP_')).said).toEqual(['document: {"options":{"retry":{"retries":4}}}']);
    expect(env('SHOP_').name).toBe('env SHOP_');
  });

  test('refuses a bad option', () => {
    expect(() => env('')).toThrow(`env prefix must be a text such as 'KYOA_', got ""`);
    expect(() => env('KYOA_', { environment: {} } as never)).toThrow('env has no option environment; it has env');
  });
});

describe('the names of variables', () => {
  const places = [...placesOf('KYOA_')];

  test('are each of one option', () => {
    expect(new Set(places.map(([name]) => name)).size).toBe(places.length);
    expect(places.length).toBeGreaterThan(60);
  });

  test('are there for every policy', () => {
    const policies = Object.keys(catalogue).toSorted();
    const whole = places.filter(([, { path }]) => path.length === 1);
    expect(whole.map(([, { path }]) => path.join('.')).toSorted()).toEqual(policies);
    const all = options(Object.fromEntries(whole.map(([name]) => [name, 'true'])));
    expect(Object.keys(all).toSorted()).toEqual(policies);
  });
});
