/** Options that ky, axios and ofetch have under another name. */
import { describe, expect, test } from 'vitest';
import kyoa, { createFetch, type Kyoa, type KyoaError, type Middleware, type Options } from '../../src/index.ts';

const url = 'http://127.0.0.1:1';

/** Each way to give the client an option. */
const ways: Record<string, (options: object) => unknown> = {
  create: (options) => kyoa.create(options),
  extend: (options) => kyoa.extend(options),
  'a function of the parent': (options) => kyoa.extend(() => options),
  'a call': (options) => kyoa.get(url, options),
  'an init hook': (options) => kyoa.get(url, { hooks: { init: [(given) => void Object.assign(given, options)] } }),
  'a call over an instance': (options) => kyoa.create({ retry: { retries: 1 } }).get(url, options),
};

const remedies: [message: string, options: object][] = [
  ['kyoa has no option baseURL: write prefix', { baseURL: '/' }],
  ['kyoa has no option prefixUrl: write prefix', { prefixUrl: '/' }],
  ['kyoa has no option params: write searchParams', { params: { page: 2 } }],
  ['kyoa has no option query: write searchParams', { query: { page: 2 } }],
  ['kyoa has no option data: write json', { data: {} }],
  ['kyoa has no option header: write headers', { header: { accept: 'text/plain' } }],
  ['kyoa has no option idempotencyKey: write requestId', { idempotencyKey: 'order-42' }],
  ['kyoa has no option maxRetries: write retry', { maxRetries: 5 }],
  ['kyoa has no option responseType: write .json() or .text()', { responseType: 'text' }],
  ['kyoa has no option retries: write retry', { retries: 5 }],
  ["kyoa has no option withCredentials: write credentials: 'include'", { withCredentials: true }],
  ['kyoa has no option auth: write headers.authorization', { auth: { username: 'Ada', password: 'pass' } }],
  ['kyoa has no option cancelToken: write signal', { cancelToken: {} }],
  ['kyoa has no option transformRequest: write stringifyJson', { transformRequest: [] }],
  ['kyoa has no option transformResponse: write parseJson', { transformResponse: [] }],
  ['kyoa has no option axios-retry: write retry', { 'axios-retry': { retries: 2 } }],
  ['kyoa has no option httpAgent: write fetch: undici()', { httpAgent: {} }],
  ['kyoa has no option maxContentLength: write maxBody', { maxContentLength: 1_000 }],
  ['kyoa has no option maxRedirects: write redirect', { maxRedirects: 0 }],
  ['kyoa has no option proxy: write fetch: undici({ proxy })', { proxy: { host: '127.0.0.1', port: 80 } }],
  ['kyoa has no option proxy: write fetch: undici({ proxy })', { proxy: false }],
  ['kyoa has no option validateStatus: write throwHttpErrors', { validateStatus: () => true }],
  ['kyoa has no option params: write searchParams; no option data: write json', { params: {}, data: {} }],
  ['kyoa has no option retry.statusCodes: write retry.statuses', { retry: { limit: 2, statusCodes: [503] } }],
  ['kyoa has no option retry.afterStatusCodes: write retry.statuses', { retry: { afterStatusCodes: [503] } }],
  ['kyoa has no option retry.backoffLimit: write retry.backoff', { retry: { backoffLimit: 5_000 } }],
  ['kyoa has no option retry.delay: write retry.backoff', { retry: { delay: () => 0 } }],
  ['kyoa has no option retry.jitter: write retry.backoff', { retry: { jitter: true } }],
  ['kyoa has no option retry.retryDelay: write retry.backoff', { retry: { retryDelay: 100 } }],
  ['kyoa has no option retry.retryOnTimeout: write retry.when', { retry: { retryOnTimeout: true } }],
  ['kyoa has no option retry.shouldRetry: write retry.when', { retry: { shouldRetry: () => true } }],
  ['kyoa has no option retry.retryCondition: write retry.when', { retry: { retryCondition: () => true } }],
];

/** A transport that keeps the init of each call. */
function transport(): { inits: object[]; fetch: typeof fetch } {
  const inits: object[] = [];
  const fetch = async (_: unknown, init: object = {}): Promise<Response> => {
    inits.push(init);
    return new Response();
  };
  return { inits, fetch };
}

describe.each(Object.entries(ways))('an option of %s that has another name in kyoa', (_, give) => {
  test.each(remedies)('is refused: %s', (message, options) => {
    expect(() => give(options)).toThrow(
      expect.objectContaining<Partial<KyoaError>>({ code: 'INVALID_OPTION', message }) as never,
    );
  });
});

test('the name of a middleware in the stack is an option of that middleware', async () => {
  const seen: unknown[] = [];
  const data: Middleware = Object.defineProperty(
    (ctx, next) => {
      seen.push(ctx.options['data']);
      return next();
    },
    'name',
    { value: 'data' },
  );
  const api: Kyoa = kyoa.create({ use: [data], fetch: transport().fetch });
  await api.get(url, { data: 'mine' } as Options);
  expect(seen).toEqual(['mine']);
});

test('a plain fetch passes such a member to its transport', async () => {
  const { inits, fetch } = transport();
  const given = { params: {}, data: 1, baseURL: '/', retries: 5 };
  await createFetch({ fetch })(url, given as RequestInit);
  await kyoa.create({ fetch }).fetch(url, given as RequestInit);
  expect(inits).toEqual([expect.objectContaining(given), expect.objectContaining(given)]);
});

test('a plain fetch rejects an option of retry that has another name', async () => {
  const call = kyoa.fetch(url, { retry: { statusCodes: [503] } } as object);
  await expect(call).rejects.toThrow('kyoa has no option retry.statusCodes: write retry.statuses');
});
