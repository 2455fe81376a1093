import { createFetch, standard } from 'kyoa';
import { ofetch } from 'ofetch';

const api = (baseURL: string) =>
  ofetch.create(
    { baseURL, retry: false }, // or both would retry
    { fetch: createFetch({ use: standard(), overrides: 'kyoa' }) },
  );

/** ofetch passes all its options to fetch: without `overrides`, its `retry` would be that of kyoa. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FetchError } from 'ofetch';

import { inTwo, json, loopback } from './loopback.ts';

test('a GET survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { id: 7 }));
  server.trouble(503, 'reset');
  assert.deepEqual(await api(server.url)('/items'), { id: 7 });
  assert.equal(server.seen.length, 3);
});

test('a call may have overrides under one name', async () => {
  await using server = await loopback((_, response) => json(response, { id: 7 }));
  server.trouble(503);
  const options: object = { kyoa: { retry: 0 } }; // ofetch's types do not know it
  await assert.rejects(api(server.url)('/items', options), FetchError);
  assert.equal(server.seen.length, 1);
});

test('a POST is sent once', async () => {
  await using server = await loopback((_, response) => json(response, { id: 7 }));
  server.trouble(503);
  await assert.rejects(api(server.url)('/orders', { method: 'POST', body: { id: 7 } }), FetchError);
  assert.deepEqual(
    server.seen.map(({ method }) => method),
    ['POST'],
  );
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, { message: 'Whose token?' }, 401));
  await assert.rejects(api(server.url)('/items'), (error) => error instanceof FetchError && error.status === 401);
  assert.equal(server.seen.length, 1);
});

test('a stream arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => inTwo(response, 'first ', arrived.promise, 'second'));
  const body = await api(server.url)('/items', { responseType: 'stream' });
  let text = '';
  for await (const bytes of body) {
    text += new TextDecoder().decode(bytes);
    arrived.resolve();
  }
  assert.equal(text, 'first second');
});

test('an abort in the middle of a response reaches the server', async () => {
  const caller = new AbortController();
  await using server = await loopback((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":');
    setImmediate(() => caller.abort());
  });
  await assert.rejects(api(server.url)('/items', { signal: caller.signal }));
  assert.equal(await server.seen[0]?.over, 'cut');
});
