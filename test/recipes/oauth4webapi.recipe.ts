import kyoa, { auth, type Storage, type Token } from 'kyoa';
import * as oauth from 'oauth4webapi';

const tokenOf = ({ access_token, refresh_token, expires_in = 3_600 }: oauth.TokenEndpointResponse): Token => ({
  access: access_token,
  refresh: refresh_token,
  expires: Date.now() + 1_000 * expires_in,
});

const sessionOf = (server: oauth.AuthorizationServer, client: oauth.Client, storage: Storage, options = {}) =>
  auth({
    storage,
    async renew({ token, signal }) {
      const request = { ...options, signal, [oauth.customFetch]: kyoa.fetch };
      const refresh = token?.refresh ?? '';
      const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refresh, request);
      return tokenOf(await oauth.processRefreshTokenResponse(server, client, response));
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
