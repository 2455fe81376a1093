import Anthropic from '@anthropic-ai/sdk';
import { createFetch, standard } from 'kyoa';

const client = (baseURL: string) =>
  new Anthropic({
    baseURL,
    apiKey: 'sk-example',
    fetch: createFetch({ use: standard({ timeout: { total: 600_000, headers: 300_000 } }), overrides: false }),
    maxRetries: 0, // or both would retry
  });

/**
 * The SDK by itself retries POSTs. kyoa sends a POST once, unless `standard({ retry: { methods: ['GET', 'POST'] } })`
 * allows a second one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inTwo, json, loopback } from './loopback.ts';

const event = (data: { readonly type: string }) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const delta = (text: string) =>
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as { type: string });
const hello = {
  model: 'claude-opus-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }],
} satisfies Anthropic.MessageCreateParamsNonStreaming;

test('a call survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { data: [{ id: 'claude' }], has_more: false }));
  server.trouble(503, 'reset');
  const models = await client(server.url).models.list();
  assert.equal(models.data[0]?.id, 'claude');
  assert.equal(server.seen.length, 3);
});

test('a POST is sent once, and its 529 is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  server.trouble(529);
  await assert.rejects(client(server.url).messages.create(hello), Anthropic.InternalServerError);
  assert.equal(server.seen.length, 1);
});

test('a 4xx is the error of the SDK', async () => {
  const error = { type: 'error', error: { type: 'authentication_error', message: 'Whose key?' } };
  await using server = await loopback((_, response) => json(response, error, 401));
  await assert.rejects(client(server.url).messages.create(hello), Anthropic.AuthenticationError);
  assert.equal(server.seen.length, 1);
});

test('a stream arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'text/event-stream');
    return inTwo(response, delta('Hel'), arrived.promise, delta('lo') + event({ type: 'message_stop' }));
  });
  const parts: string[] = [];
  for await (const part of await client(server.url).messages.create({ ...hello, stream: true })) {
    if (part.type === 'content_block_delta' && part.delta.type === 'text_delta') parts.push(part.delta.text);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.deepEqual(parts, ['Hel', 'lo']);
});

test('an abort in the middle of a stream reaches the server', async () => {
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'text/event-stream');
    response.write(delta('Hel'));
  });
  const stream = await client(server.url).messages.create({ ...hello, stream: true });
  for await (const _ of stream) stream.controller.abort();
  assert.equal(await server.seen[0]?.over, 'cut');
});
