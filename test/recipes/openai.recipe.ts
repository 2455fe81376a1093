import { createFetch, standard } from 'kyoa';
import OpenAI from 'openai';

const client = (baseURL: string) =>
  new OpenAI({
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

const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const hello = {
  model: 'gpt-5',
  messages: [{ role: 'user', content: 'Hello' }],
} satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;

test('a call survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { object: 'list', data: [{ id: 'gpt-5' }] }));
  server.trouble(503, 'reset');
  const models = await client(server.url).models.list();
  assert.equal(models.data[0]?.id, 'gpt-5');
  assert.equal(server.seen.length, 3);
});

test('a POST is sent once, and its 503 is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  server.trouble(503);
  await assert.rejects(client(server.url).chat.completions.create(hello), OpenAI.InternalServerError);
  assert.equal(server.seen.length, 1);
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, { error: { message: 'Whose key?' } }, 401));
  const refused = client(server.url).models.list();
  await assert.rejects(
    Promise.resolve(refused),
    (error) => error instanceof OpenAI.AuthenticationError && error.status === 401,
  );
  assert.equal(server.seen.length, 1);
});

test('a stream arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'text/event-stream');
    return inTwo(response, chunk('Hel'), arrived.promise, `${chunk('lo')}data: [DONE]\n\n`);
  });
  const parts: (string | null | undefined)[] = [];
  for await (const part of await client(server.url).chat.completions.create({ ...hello, stream: true })) {
    parts.push(part.choices[0]?.delta.content);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.deepEqual(parts, ['Hel', 'lo']);
});

test('an abort in the middle of a stream reaches the server', async () => {
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'text/event-stream');
    response.write(chunk('Hel'));
  });
  const stream = await client(server.url).chat.completions.create({ ...hello, stream: true });
  for await (const _ of stream) stream.controller.abort();
  assert.equal(await server.seen[0]?.over, 'cut');
});
