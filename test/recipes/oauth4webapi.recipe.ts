import kyoa, { auth, type Storage, type Token } from 'kyoa';
import * as oauth from 'oauth4webapi';

// A server that does not rotate refresh tokens sends none with a renewal: the former one stays.
const tokenOf = (grant: oauth.TokenEndpointResponse, former?: Token): Token => ({
  access: grant.access_token,
  refresh: grant.refresh_token ?? former?.refresh,
  expires: Date.now() + 1_000 * (grant.expires_in ?? 3_600),
});

const sessionOf = (server: oauth.AuthorizationServer, client: oauth.Client, storage: Storage, options = {}) =>
  auth({
    storage,
    async renew({ token, signal }) {
      const request = { ...options, signal, [oauth.customFetch]: kyoa.fetch };
      const refresh = token?.refresh ?? '';
      const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refresh, request);
      return tokenOf(await oauth.processRefreshTokenResponse(server, client, response), token);
    },
  });

/** The authorization server rotates the refresh token. It is the API, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { memory } from 'kyoa';

import { json, loopback, type Loopback } from './loopback.ts';

const started = (): Promise<Loopback> => {
  let number = 1;
  return loopback(async (seen, response) => {
    const isGood = seen.headers.authorization === `Bearer access-${number}` && number > 1;
    if (seen.url !== '/token') return json(response, { isGood }, isGood ? 200 : 401);
    const refresh = new URLSearchParams(await seen.body).get('refresh_token');
    if (refresh !== `refresh-${number}`) return json(response, { error: 'invalid_grant' }, 400);
    number += 1;
    const [access_token, refresh_token] = [`access-${number}`, `refresh-${number}`];
    json(response, { access_token, refresh_token, token_type: 'bearer', expires_in: 3_600 });
  });
};

const opened = async ({ url }: Loopback, refresh: string) => {
  const server = { issuer: url, token_endpoint: `${url}/token` };
  const session = sessionOf(server, { client_id: 'app' }, memory(), { [oauth.allowInsecureRequests]: true });
  await session.set({ access: 'access-1', refresh });
  const api = kyoa.extend({ use: (stack) => [session, ...stack], throwHttpErrors: false });
  return async (path: string) => (await api.get(url + path)).status;
};

test('ten calls with an old token renew it once', async () => {
  await using server = await started();
  const get = await opened(server, 'refresh-1');
  const statuses = await Promise.all(Array.from({ length: 10 }, (_, n) => get(`/${n}`)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(server.seen.filter(({ url }) => url === '/token').length, 1);
});

test('a refused renewal signs the user out, once', async () => {
  await using server = await started();
  const get = await opened(server, 'used');
  assert.deepEqual(await Promise.all([get('/1'), get('/2')]), [401, 401]);
  assert.equal(await get('/3'), 401);
  const [last] = server.seen.slice(-1);
  assert.equal(last?.headers.authorization, undefined);
  assert.equal(server.seen.filter(({ url }) => url === '/token').length, 1);
});

test('the refresh token of a server that does not rotate it is used again', async () => {
  let number = 0;
  await using server = await loopback(async (seen, response) => {
    if (seen.url !== '/token') return json(response, {}, seen.headers.authorization === 'Bearer access-2' ? 200 : 401);
    const refresh = new URLSearchParams(await seen.body).get('refresh_token');
    if (refresh !== 'kept') return json(response, { error: 'invalid_grant' }, 400);
    number += 1;
    json(response, { access_token: `access-${number}`, token_type: 'bearer', expires_in: 3_600 });
  });
  const get = await opened(server, 'kept');
  assert.deepEqual([await get('/1'), await get('/2')], [401, 200]);
});
