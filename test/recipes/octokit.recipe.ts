import { request } from '@octokit/request';
import { createFetch, standard } from 'kyoa';

const github = (baseUrl: string) =>
  request.defaults({
    baseUrl,
    request: { fetch: createFetch({ use: standard(), overrides: false }) }, // @octokit/request has no retry of its own
  });

/**
 * The whole Octokit takes `new Octokit({ request: { fetch }, retry: { enabled: false } })`, without the throttling
 * plugin, which `limit()` and `Retry-After` replace. A network error reaches the caller as a RequestError of status 500.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inTwo, json, loopback } from './loopback.ts';

const isRequestError = (status: number) => (error: unknown) =>
  error instanceof Error && error.name === 'HttpError' && 'status' in error && error.status === status;

test('a call survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { full_name: 'octocat/hello' }));
  server.trouble(503, 'reset');
  const { data } = await github(server.url)('GET /repos/{owner}/{repo}', { owner: 'octocat', repo: 'hello' });
  assert.equal(data.full_name, 'octocat/hello');
  assert.equal(server.seen.length, 3);
});

test('a POST is sent once, and its 503 is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, {}, 201));
  server.trouble(503);
  const issue = { owner: 'octocat', repo: 'hello', title: 'Found a bug' };
  await assert.rejects(github(server.url)('POST /repos/{owner}/{repo}/issues', issue), isRequestError(503));
  assert.equal(server.seen.length, 1);
  assert.match((await server.seen[0]?.body) ?? '', /Found a bug/);
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, { message: 'Not Found' }, 404));
  await assert.rejects(github(server.url)('GET /user'), isRequestError(404));
  assert.equal(server.seen.length, 1);
});

test('a body arrives as it is sent if the SDK leaves it a stream', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => inTwo(response, 'first ', arrived.promise, 'second'));
  const { data } = await github(server.url)('GET /archive', { request: { parseSuccessResponseBody: false } });
  let text = '';
  for await (const bytes of data as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(bytes);
    arrived.resolve();
  }
  assert.equal(text, 'first second');
});

test('an abort in the middle of a stream reaches the server', async () => {
  await using server = await loopback((_, response) => void response.write('first'));
  const caller = new AbortController();
  const options = { parseSuccessResponseBody: false, signal: caller.signal };
  const { data } = await github(server.url)('GET /archive', { request: options });
  await assert.rejects(
    async () => {
      for await (const _ of data as ReadableStream<Uint8Array>) caller.abort();
    },
    { name: 'AbortError' },
  );
  assert.equal(await server.seen[0]?.over, 'cut');
});
