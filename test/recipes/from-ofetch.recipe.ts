import kyoa, { type Middleware } from 'kyoa';
import { ofetch } from 'ofetch';

// Before
const before = (baseURL: string, token: () => string, report: (what: string) => void) =>
  ofetch.create({
    baseURL,
    onRequest: ({ options }) => void options.headers.set('authorization', `Bearer ${token()}`),
    onRequestError: ({ error }) => report(error.message),
    onResponseError: ({ response }) => report(`status ${response.status}`),
  });

// After: a middleware outside the standard stack runs once for a call, around all its attempts.
const intercept = (token: () => string, report: (what: string) => void): Middleware =>
  async function intercept(_, next) {
    try {
      const response = await next({ headers: { authorization: `Bearer ${token()}` } }); // onRequest
      if (!response.ok) report(`status ${response.status}`); // onResponseError
      return response;
    } catch (error) {
      report((error as Error).message); // onRequestError
      throw error;
    }
  };
const after = (prefix: string, token: () => string, report: (what: string) => void) =>
  kyoa.create({ prefix, use: (stack) => [intercept(token, report), ...stack] });

/** What docs/migrating/ofetch.md says of ofetch and of kyoa, each against the same server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isHTTPError } from 'kyoa';

import { json, loopback } from './loopback.ts';

test('both add a header to every attempt; ofetch reports attempts, the middleware a call', async () => {
  await using server = await loopback((_, response) => json(response, { message: 'down' }, 503));
  for (const [fails, expected] of [
    [(report: (what: string) => void) => before(server.url, () => 'a', report)('/users', { retryDelay: 1 }), 2],
    [(report: (what: string) => void) => after(server.url, () => 'a', report).get('users', { retry: 1 }), 1],
  ] as const) {
    const reports: string[] = [];
    await assert.rejects(fails((what) => reports.push(what)));
    assert.deepEqual(
      reports,
      Array.from({ length: expected }, () => 'status 503'),
    );
  }
  assert.deepEqual(
    server.seen.map(({ headers }) => headers.authorization),
    ['Bearer a', 'Bearer a', 'Bearer a', 'Bearer a'],
  );
});

test('both report a connection that was reset', async () => {
  for (const fails of [
    (url: string, report: (what: string) => void) => before(url, () => 'a', report)('/', { retry: 0 }),
    (url: string, report: (what: string) => void) => after(url, () => 'a', report).get('', { retry: 0 }),
  ]) {
    await using server = await loopback(() => {});
    server.trouble('reset');
    const reports: string[] = [];
    await assert.rejects(fails(server.url, (what) => reports.push(what)));
    assert.equal(reports.length, 1);
  }
});

test('an empty response is undefined in ofetch, and a SyntaxError in kyoa without `parseJson`', async () => {
  await using server = await loopback((_, response) => void response.writeHead(204).end());
  assert.equal(await ofetch(server.url), undefined);
  await assert.rejects(kyoa.get(server.url).json(), SyntaxError);
  const parseJson = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
  assert.equal(await kyoa.get(server.url, { parseJson }).json(), undefined);
});

test('ofetch parses by the content type, kyoa as the call says', async () => {
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'text/plain').end('hello');
  });
  assert.equal(await ofetch(server.url), 'hello');
  assert.equal(await kyoa.get(server.url).text(), 'hello');
  await assert.rejects(kyoa.get(server.url).json(), SyntaxError);
});

test('a list in `query` is repeated in ofetch; in kyoa it is a list of pairs', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  await ofetch(server.url, { query: { id: [1, 2] } });
  await kyoa.get(server.url, { searchParams: [1, 2].map((id) => ['id', id] as const) as [string, number][] });
  const [theirs, ours] = server.seen.map(({ url }) => url);
  assert.equal(ours, theirs);
});

test('both have the data of an error', async () => {
  await using server = await loopback((_, response) => json(response, { field: 'name' }, 422));
  const theirs = await ofetch(server.url).catch((error: { data: unknown }) => error.data);
  const ours = await kyoa.get(server.url).catch((error: unknown) => isHTTPError(error) && error.data);
  assert.deepEqual(ours, theirs);
});
