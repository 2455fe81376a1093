import { createClient } from '@supabase/supabase-js';
import { createFetch, standard } from 'kyoa';

const supabase = (url: string) =>
  createClient(url, 'anon-key', {
    global: { fetch: createFetch({ use: standard(), overrides: false }) },
    db: { retry: false }, // or both would retry
  });

/**
 * The SDK does not throw: a refusal is the `error` of its result. Realtime runs on a WebSocket, without fetch.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inTwo, json, loopback, uploading } from './loopback.ts';

test('a select survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, [{ id: 1 }]));
  server.trouble(503, 'reset');
  const { data } = await supabase(server.url).from('items').select();
  assert.deepEqual(data, [{ id: 1 }]);
  assert.equal(server.seen.length, 3);
});

test('an insert is sent once', async () => {
  await using server = await loopback((_, response) => json(response, [], 201));
  server.trouble(503);
  const { status } = await supabase(server.url).from('items').insert({ id: 1 });
  assert.equal(status, 503);
  assert.deepEqual(
    server.seen.map(({ method }) => method),
    ['POST'],
  );
});

test('a 4xx is the error of the SDK', async () => {
  const refusal = { code: '42501', message: 'permission denied', details: null, hint: null };
  await using server = await loopback((_, response) => json(response, refusal, 403));
  const { error, status } = await supabase(server.url).from('secrets').select();
  assert.equal(status, 403);
  assert.equal(error?.code, '42501');
  assert.equal(server.seen.length, 1);
});

test('a download arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => inTwo(response, 'first ', arrived.promise, 'second'));
  const { data } = await supabase(server.url).storage.from('files').download('a.txt').asStream();
  let text = '';
  for await (const bytes of data!) {
    text += new TextDecoder().decode(bytes);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.equal(text, 'first second');
});

test('an upload of a stream arrives as it is created, and once', async () => {
  const arrived = Promise.withResolvers<void>();
  let text = '';
  await using server = await loopback(async (_, response, request) => {
    for await (const bytes of request) {
      text += String(bytes);
      arrived.resolve();
    }
    json(response, { Key: 'files/a.txt', Id: '1' });
  });
  const { error } = await supabase(server.url)
    .storage.from('files')
    .upload('a.txt', uploading(arrived.promise), { duplex: 'half' });
  assert.equal(error, null);
  assert.equal(text, 'first second');
  assert.equal(server.seen.length, 1);
});

test('an abort in the middle of a download reaches the server', async () => {
  await using server = await loopback((_, response) => void response.write('first'));
  const { data } = await supabase(server.url).storage.from('files').download('a.txt').asStream();
  for await (const _ of data!) break;
  assert.equal(await server.seen[0]?.over, 'cut');
});

test('an abort of a select reaches the server', async () => {
  const caller = new AbortController();
  await using server = await loopback(() => caller.abort());
  const { error } = await supabase(server.url).from('items').select().abortSignal(caller.signal);
  assert.match(error?.message ?? '', /AbortError/);
  assert.equal(await server.seen[0]?.over, 'cut');
});
