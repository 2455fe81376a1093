import { hc } from 'hono/client';
import { createFetch, standard } from 'kyoa';

// Hono has no retry of its own.
const client = (url: string) => hc<Shop>(url, { fetch: createFetch({ use: standard(), overrides: false }) });

/** Hono has no errors of its own: it resolves to a Response with any status. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';

import { loopback, type Loopback } from './loopback.ts';

let arrived = Promise.withResolvers<void>();
const shop = new Hono()
  .get('/items', (c) => c.json([{ id: 1 }]))
  .get('/nothing', (c) => c.json({ error: 'not here' }, 404))
  .post('/orders', (c) => c.json({ id: 7 }, 201))
  .get('/news', (c) =>
    streamSSE(c, async (stream) => {
      await stream.writeSSE({ data: 'first' });
      await arrived.promise;
      await stream.writeSSE({ data: 'second' });
    }),
  );
type Shop = typeof shop;

const serve = (): Promise<Loopback> => {
  const listener = getRequestListener(shop.fetch);
  return loopback((_, response, request) => listener(request, response));
};

test('a call survives a 503 and a reset', async () => {
  await using server = await serve();
  server.trouble(503, 'reset');
  const response = await client(server.url).items.$get();
  assert.deepEqual(await response.json(), [{ id: 1 }]);
  assert.equal(server.seen.length, 3);
});

test('a POST is sent once', async () => {
  await using server = await serve();
  server.trouble(503);
  assert.equal((await client(server.url).orders.$post()).status, 503);
  assert.equal(server.seen.length, 1);
});

test('a 4xx is the response', async () => {
  await using server = await serve();
  const response = await client(server.url).nothing.$get();
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), { error: 'not here' });
  assert.equal(server.seen.length, 1);
});

test('a stream arrives as it is sent', async () => {
  arrived = Promise.withResolvers<void>();
  await using server = await serve();
  const response = await client(server.url).news.$get();
  let text = '';
  for await (const bytes of response.body!) {
    text += new TextDecoder().decode(bytes);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.equal(text, 'data: first\n\ndata: second\n\n');
});

test('an abort in the middle of a stream reaches the server', async () => {
  arrived = Promise.withResolvers<void>();
  await using server = await serve();
  const caller = new AbortController();
  const response = await client(server.url).news.$get({}, { init: { signal: caller.signal } });
  await assert.rejects(
    async () => {
      for await (const _ of response.body!) caller.abort();
    },
    { name: 'AbortError' },
  );
  assert.equal(await server.seen[0]?.over, 'cut');
  arrived.resolve();
});
