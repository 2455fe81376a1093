import kyoa, { type Middleware } from 'kyoa';
import { CookieJar } from 'tough-cookie';

// Sends the cookies of a jar, and keeps those of the responses. Placed outside `dedupe`, `idempotency` and `staleIfError`.
export function cookies(jar: CookieJar): Middleware {
  return async function cookies(ctx, next) {
    const cookie = await jar.getCookieString(ctx.url);
    const response = await next(cookie === '' ? {} : { headers: { cookie } });
    for (const line of response.headers.getSetCookie())
      await jar.setCookie(line, response.url || ctx.url, { ignoreError: true });
    return response;
  };
}

// One jar for each user. The instances share circuits, budgets and histories.
const signedIn = (jar: CookieJar) => kyoa.extend({ use: (stack) => [cookies(jar), ...stack] });

// A response that redirects has its cookies only if the redirect is not followed.
const signIn = (jar: CookieJar, url: string) =>
  signedIn(jar).post(url, { json: { name: 'Ada' }, redirect: 'manual', throwHttpErrors: false });

/** The server knows a user by a cookie, which its login sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { json, loopback, type Loopback } from './loopback.ts';

let users = 0;
const site = (): Promise<Loopback> =>
  loopback((seen, response) => {
    if (seen.url !== '/login') return json(response, { cookie: seen.headers.cookie ?? 'none' });
    const headers = { location: '/account', 'set-cookie': `user=${(users += 1)}; Path=/; HttpOnly` };
    response.writeHead(302, headers).end();
  });

test('a cookie of a login is sent with each later attempt', async () => {
  await using server = await site();
  const jar = new CookieJar();
  assert.equal((await signIn(jar, `${server.url}/login`)).status, 302);
  server.trouble(503, 'reset');
  const { cookie } = await signedIn(jar).get(`${server.url}/account`).json<{ cookie: string }>();
  assert.match(cookie, /^user=\d+$/);
  const sent = server.seen.slice(1).map(({ headers }) => headers.cookie);
  assert.deepEqual(sent, [cookie, cookie, cookie]);
});

test('two users share no request', async () => {
  await using server = await site();
  const jars = [new CookieJar(), new CookieJar()];
  for (const jar of jars) await signIn(jar, `${server.url}/login`);
  const answers = jars.map((jar) => signedIn(jar).get(`${server.url}/account`).json<{ cookie: string }>());
  const [one, other] = await Promise.all(answers);
  assert.notEqual(one?.cookie, other?.cookie);
});

test('a followed redirect loses the cookie of its response', async () => {
  await using server = await site();
  const jar = new CookieJar();
  await signedIn(jar).post(`${server.url}/login`);
  assert.equal(await jar.getCookieString(server.url), '');
});
