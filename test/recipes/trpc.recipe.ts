import { createTRPCClient, httpBatchStreamLink } from '@trpc/client';
import { createFetch, standard } from 'kyoa';

const client = (url: string) =>
  createTRPCClient<Shop>({
    links: [httpBatchStreamLink({ url, fetch: createFetch({ use: standard(), overrides: false }) })], // and no retryLink
  });

/** Queries are GETs, which kyoa retries. Mutations are POSTs, which kyoa sends once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TRPCClientError } from '@trpc/client';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';

import { loopback, type Loopback } from './loopback.ts';

let arrived = Promise.withResolvers<void>();
const t = initTRPC.create();
const shop = t.router({
  items: t.procedure.query(() => [{ id: 1 }]),
  nothing: t.procedure.query(() => {
    throw new TRPCError({ code: 'NOT_FOUND', message: 'not here' });
  }),
  order: t.procedure.mutation(() => ({ id: 7 })),
  news: t.procedure.query(async function* news() {
    yield 'first';
    await arrived.promise;
    yield 'second';
  }),
});
type Shop = typeof shop;

const serve = (): Promise<Loopback> => {
  const handler = createHTTPHandler({ router: shop });
  return loopback((_, response, request) => handler(request, response));
};

test('a query survives a 503 and a reset', async () => {
  await using server = await serve();
  server.trouble(503, 'reset');
  assert.deepEqual(await client(server.url).items.query(), [{ id: 1 }]);
  assert.equal(server.seen.length, 3);
});

test('a mutation is sent once', async () => {
  await using server = await serve();
  server.trouble(503);
  await assert.rejects(client(server.url).order.mutate(), TRPCClientError);
  assert.equal(server.seen.length, 1);
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await serve();
  const refused = client(server.url).nothing.query();
  await assert.rejects(refused, (error) => error instanceof TRPCClientError && error.data.code === 'NOT_FOUND');
  assert.equal(server.seen.length, 1);
});

test('a stream arrives as it is sent', async () => {
  arrived = Promise.withResolvers<void>();
  await using server = await serve();
  const parts: string[] = [];
  for await (const part of await client(server.url).news.query()) {
    parts.push(part);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.deepEqual(parts, ['first', 'second']);
});

test('an abort in the middle of a stream reaches the server', async () => {
  arrived = Promise.withResolvers<void>();
  await using server = await serve();
  const caller = new AbortController();
  const news = await client(server.url).news.query(undefined, { signal: caller.signal });
  await assert.rejects(async () => {
    for await (const _ of news) caller.abort();
  });
  assert.equal(await server.seen[0]?.over, 'cut');
  arrived.resolve();
});
