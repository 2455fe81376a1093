import { describe, expect, test } from 'vitest';

import {
  breaker,
  constant,
  createFetch,
  createHandler,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  latest,
  limit,
  log,
  metrics,
  observe,
  race,
  resume,
  retry,
  staleIfError,
  standard,
  timeout,
  trace,
  type Middleware,
} from '../../src/index.ts';
import { url } from '../support/http.ts';
import { reasonOf } from '../support/promises.ts';

const policies: Readonly<Record<string, () => readonly Middleware[]>> = {
  nothing: () => [],
  'timeout of everything': () => [timeout({ total: 5_000, headers: 1_000, idle: 1_000 })],
  resume: () => [resume()],
  retry: () => [retry({ retries: 2, backoff: constant(0) })],
  hedge: () => [hedge({ delay: 5 })],
  'hedge at once': () => [hedge({ delay: 0 })],
  race: () => [race([url, 'http://other.example'])],
  dedupe: () => [dedupe()],
  idempotency: () => [idempotency()],
  breaker: () => [breaker()],
  limit: () => [limit({ concurrency: 1 })],
  endpoints: () => [endpoints([{ url }, { url: 'http://other.example' }])],
  staleIfError: () => [staleIfError()],
  fallback: () => [fallback(() => new Response('instead'), { when: () => false })],
  latest: () => [latest({ key: () => 'one' })],
  observe: () => [observe(() => {})],
  log: () => [log({ write: () => {} })],
  trace: () => [trace()],
  metrics: () => [metrics()],
  'standard()': standard,
};

describe.each(Object.entries(policies))('inside %s', (_name, use) => {
  test.each([undefined, null, {}, 'text', 200])('a middleware that resolves to %j is named', async (value) => {
    const careless: Middleware = async function careless(_ctx, next) {
      await next();
      return value as never;
    };
    const transport = async (): Promise<Response> => new Response('fine');
    const fetch = createFetch({ use: [...use(), careless], fetch: transport });
    for (const init of [{}, { method: 'POST', body: 'text', requestId: 'order-1' }]) {
      expect(await reasonOf(fetch(url, init))).toMatchObject({
        code: 'BAD_MIDDLEWARE',
        message: expect.stringContaining('the middleware careless resolved to') as string,
      });
    }
  });

  test('a transport that resolves to nothing is named', async () => {
    const fetch = createFetch({ use: use(), fetch: async () => undefined as never });
    expect(await reasonOf(fetch(url))).toMatchObject({
      code: 'BAD_MIDDLEWARE',
      message: expect.stringContaining('the transport, a fetch, resolved to undefined') as string,
    });
  });

  test('an error of the transport is not replaced', async () => {
    for (const error of [new TypeError('fetch failed'), new RangeError('of its own')]) {
      const fetch = createFetch({ use: use(), fetch: () => Promise.reject(error) });
      const reason = await reasonOf(fetch(url));
      expect(reason).toBe(error);
    }
  });
});

test('a handler that returns nothing is named', async () => {
  const handle = createHandler({ use: [timeout(1_000)] }, () => undefined as never);
  expect(await reasonOf(handle(new Request(url)))).toMatchObject({
    code: 'BAD_MIDDLEWARE',
    message: 'the handler resolved to undefined; it must resolve to a Response',
  });
});
