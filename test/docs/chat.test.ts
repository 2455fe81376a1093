/** The example of docs/event-streams.md reads the stream of a server that speaks as OpenAI's does. */
import kyoa from 'kyoa';
import { expect, test } from 'vitest';

import { chat } from '../../docs/examples/chat.ts';
import { eventStream } from '../support/event-origin.ts';
import { origin, type Exchange, type Origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';

const word = (content: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
const serving = (text: string, end = true): Promise<Origin> =>
  origin(({ response }: Exchange) => {
    response.writeHead(200, eventStream).write(text);
    if (end) response.end();
  });

async function said(server: Origin): Promise<string> {
  const words: string[] = [];
  for await (const word of chat(kyoa.create({ baseUrl: server.url }), 'a-model', 'Hello')) words.push(word);
  return words.join('');
}

test('a completion is read word by word, to its mark of the end', async () => {
  await using server = await serving(
    `${word('Hel')}: a comment\n\n${word('lo')}data: {"choices":[]}\n\ndata: [DONE]\n\n`,
    false,
  );
  expect(await said(server)).toBe('Hello');
  const [{ request, body, over }] = server.exchanges as [Exchange];
  expect([request.method, request.url]).toEqual(['POST', '/chat/completions']);
  expect(JSON.parse(String(await body))).toMatchObject({ model: 'a-model', stream: true });
  expect(await over).toBe('cut'); // the stream was still open
});

test('a completion that breaks off is an error, and is not requested again', async () => {
  await using server = await serving(word('Hel'));
  expect(await reasonOf(said(server))).toMatchObject({ message: 'The stream has ended before [DONE]' });
  expect(server.exchanges).toHaveLength(1);
});

test('an error in the middle of a completion is thrown', async () => {
  await using server = await serving(`${word('Hel')}data: {"error":{"message":"overloaded"}}\n\n`);
  expect(await reasonOf(said(server))).toMatchObject({ message: 'overloaded' });
});
