/** The policy among others: where it is placed, and what it holds while it renews. */
import {
  auth,
  createFetch,
  dedupe,
  endpoints,
  limit,
  memory,
  race,
  retry,
  staleIfError,
  type Middleware,
  type Token,
} from 'kyoa';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { reasonOf } from '../../support/promises.ts';
import { tokenServer, type Grant, type TokenServer } from '../../support/token-server.ts';

let server: TokenServer;
beforeEach(async () => {
  server = await tokenServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

test('a renewal through the same limit does not wait for the 401 that caused it', async () => {
  const limited = limit({ concurrency: 1 });
  const storage = memory();
  const session = auth({
    storage,
    lease: 1_000,
    async renew({ token }): Promise<Token> {
      const body = new URLSearchParams({ refresh_token: token!.refresh! });
      const grant = (await (await fetch(`${server.url}/token`, { method: 'POST', body, auth: false })).json()) as Grant;
      return { access: grant.access_token, refresh: grant.refresh_token };
    },
  });
  const fetch = createFetch({ use: [session, limited] });
  const { access_token, refresh_token } = server.login('ada');
  await session.set({ access: access_token, refresh: refresh_token });
  server.expire('ada');
  const response = await fetch(`${server.url}/me`);
  expect([response.status, await response.json()]).toMatchObject([200, { data: { user: 'ada' } }]);
});

test('inside dedupe and staleIfError it lets no user have the response of another', async () => {
  let user = 'ada';
  let isDown = false;
  const session = auth({ storage: memory(), key: () => user, renew: async () => ({ access: user }) });
  const waiting: (() => void)[] = [];
  const fetch = createFetch({
    use: [staleIfError(), dedupe(), session],
    fetch: async (_, init) => {
      const owner = new Headers(init?.headers).get('authorization');
      await new Promise<void>((resolve) => waiting.push(resolve));
      return isDown
        ? new Response('', { status: 503 })
        : new Response(owner, { headers: { 'cache-control': 'private' } });
    },
  });
  const ada = fetch('http://api.example/me');
  await expect.poll(() => waiting.length).toBe(1);
  user = 'bob';
  const bob = fetch('http://api.example/me');
  await expect.poll(() => waiting.length).toBe(2);
  for (const respond of waiting.splice(0)) respond();
  expect([await (await ada).text(), await (await bob).text()]).toEqual(['Bearer ada', 'Bearer bob']);
  isDown = true;
  const again = fetch('http://api.example/me');
  await expect.poll(() => waiting.length).toBe(1);
  waiting[0]!();
  expect((await again).status).toBe(503);
});

test('a 401 that was kept during a renewal in vain still has its URL and its body', async () => {
  const session = auth({ storage: memory(), renew: async () => undefined });
  await session.set({ access: 'old' });
  const response = await createFetch({ use: [session] })(`${server.url}/me`);
  expect([response.status, response.url]).toEqual([401, `${server.url}/me`]);
  expect(await response.json()).toEqual({ errors: [{ message: 'unauthorized' }] });
});

test.for<[string, (urls: readonly string[]) => Middleware]>([
  ['endpoints', (urls) => endpoints(urls.map((url) => ({ url })))],
  ['race', (urls) => race(urls)],
])('with %s inside it, the token reaches no origin outside its scope', async ([, policy]) => {
  await using foreign = await tokenServer();
  const send = async (scope: readonly string[], urls: readonly string[]): Promise<number> => {
    const session = auth({ storage: memory(), scope, renew: () => Promise.reject(new Error('asked')) });
    await session.set({ access: server.login('ada').access_token });
    const fetch = createFetch({ use: [session, retry(), policy(urls)] });
    const response = await fetch(`${server.url}/me`);
    await response.text();
    return response.status;
  };
  expect(await send([server.url], [server.url])).toBe(200);
  expect(await reasonOf(send([server.url], [foreign.url]))).toMatchObject({
    code: 'INVALID_OPTION',
    message: `auth scope has no ${foreign.url}, to which endpoints or race sends the request: add it, if it may receive the token`,
  });
  expect(foreign.seen.calls).toEqual([]);
  await reasonOf(send([server.url, foreign.url], [foreign.url])); // the token is not one of this server
  expect(foreign.seen.calls.length).toBeGreaterThan(0);
});

test('with endpoints inside it, a call outside its scope, which has no token, is sent to any endpoint', async () => {
  const session = auth({ storage: memory(), scope: ['https://other.example'], renew: async () => ({ access: 'x' }) });
  const fetch = createFetch({ use: [session, endpoints([{ url: server.url }])] });
  const response = await fetch('http://api.example/me');
  await response.text();
  expect(server.seen.calls).toMatchObject([{ token: undefined, status: 401 }]);
});
