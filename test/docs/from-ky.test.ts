/** What docs/migrating/ky.md says of a token that is renewed after a 401, with ky itself and with kyoa. */
import kyoa from 'kyoa';
import ky, { type KyInstance } from 'ky';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { bearer } from '../../docs/examples/bearer.ts';
import { json, loopback, type Loopback } from '../recipes/loopback.ts';

let server: Loopback;
let renewals: number;
beforeEach(async () => {
  renewals = 0;
  server = await loopback(async ({ headers, body }, response) => {
    await body;
    json(response, { token: headers.authorization }, headers.authorization === `Bearer token ${renewals}` ? 200 : 401);
  });
});
afterEach(() => server[Symbol.asyncDispose]());

const renew = async (): Promise<string> => `token ${(renewals += 1)}`;

const before = (): KyInstance =>
  ky.create({
    prefix: server.url,
    retry: { limit: 1, methods: ['get', 'post'], statusCodes: [401], delay: () => 0 },
    hooks: {
      beforeRetry: [async ({ request }) => request.headers.set('authorization', `Bearer ${await renew()}`)],
    },
  });
const after = (): KyInstance => kyoa.create({ prefix: server.url, use: (stack) => [bearer({ renew }), ...stack] });

describe.each([
  ['ky', before],
  ['kyoa', after],
] as const)('a 401 with %s', (_, make) => {
  test('is followed by the request with a new token, also a POST', async () => {
    const api = make();
    await api.get('users'); // kyoa has a token from the first call on
    renewals += 1; // and the server no longer accepts it
    const before = server.seen.length;
    expect(await api.post('orders', { json: { id: 7 } }).json()).toEqual({ token: `Bearer token ${renewals}` });
    const posts = server.seen.slice(before);
    expect(await Promise.all(posts.map(({ body }) => body))).toEqual(['{"id":7}', '{"id":7}']);
  });
});

test('with kyoa, calls that are refused together renew once', async () => {
  const api = after();
  await api.get('users');
  renewals += 1;
  await Promise.all(['a', 'b', 'c'].map((path) => api.get(path)));
  expect(renewals).toBe(3);
});
