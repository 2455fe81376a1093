import axios from 'axios';
import kyoa, { type Middleware } from 'kyoa';

// Before: two interceptors.
function before(baseURL: string, renew: () => Promise<string>) {
  const api = axios.create({ baseURL });
  let token: Promise<string> | undefined;
  api.interceptors.request.use(async (config) => {
    config.headers.set('authorization', `Bearer ${await (token ??= renew())}`);
    return config;
  });
  api.interceptors.response.use(undefined, async (error) => {
    if (error.response?.status !== 401 || error.config.isRepeat) throw error;
    token = undefined;
    error.config.isRepeat = true;
    return api(error.config);
  });
  return api;
}

// After: one middleware. Of several refused calls, one renews.
function bearer(renew: () => Promise<string>): Middleware {
  let token: Promise<string> | undefined;
  const current = () =>
    (token ??= renew().catch((error: unknown) => {
      token = undefined; // the next call tries again
      throw error;
    }));

  return async function bearer(_, next) {
    const used = current();
    const response = await next({ headers: { authorization: `Bearer ${await used}` } });
    if (response.status !== 401) return response;
    void response.body?.cancel();
    if (token === used) token = undefined;
    return next({ headers: { authorization: `Bearer ${await current()}` } });
  };
}

const after = (prefix: string, renew: () => Promise<string>) =>
  kyoa.create({ prefix, use: (stack) => [bearer(renew), ...stack] });

/** What docs/migrating/axios.md says of axios and of kyoa, each against the same server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isHTTPError, isTimeoutError } from 'kyoa';
import { undici } from 'kyoa/undici';

import { json, loopback, type Loopback, type Seen } from './loopback.ts';

/** A server that accepts one token, and tokens that are counted. */
async function guarded(
  accepted: string,
): Promise<{ server: Loopback; renew: () => Promise<string>; count: () => number }> {
  let count = 0;
  const server = await loopback(async ({ headers, body }, response) => {
    const isAccepted = headers.authorization === `Bearer ${accepted}`;
    json(response, { body: await body }, isAccepted ? 200 : 401);
  });
  return { server, renew: async () => `token ${(count += 1)}`, count: () => count };
}

test('both send a refused POST again under a new token, with its body', async () => {
  for (const post of [
    async (url: string, renew: () => Promise<string>) => (await before(url, renew).post('/orders', { id: 7 })).data,
    (url: string, renew: () => Promise<string>) =>
      after(url, renew)
        .post('/orders', { json: { id: 7 } })
        .json(),
  ]) {
    const { server, renew, count } = await guarded('token 2');
    await using _ = server;
    assert.deepEqual(await post(server.url, renew), { body: '{"id":7}' });
    assert.equal(count(), 2);
    assert.equal(server.seen.length, 2);
  }
});

test('with the middleware, calls that are refused together renew once', async () => {
  const { server, renew, count } = await guarded('token 2');
  await using _ = server;
  const api = after(server.url, renew);
  await Promise.all(['/a', '/b', '/c'].map((path) => api.get(path)));
  assert.equal(count(), 2);
});

test('a call that is refused twice ends with the 401', async () => {
  const { server, renew } = await guarded('none');
  await using _ = server;
  await assert.rejects(
    after(server.url, renew).get('/a'),
    (error) => isHTTPError(error) && error.response.status === 401,
  );
  assert.equal(server.seen.length, 2);
});

interface Failure {
  readonly name: string;
  readonly code: unknown;
  readonly cause: unknown;
}

async function failure(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    const { name, code, cause } = error as Failure & { cause?: { code?: unknown; cause?: { code?: unknown } } };
    return { name, code, cause: cause?.cause?.code ?? cause?.code };
  }
  throw new Error('the call succeeded');
}

for (const [title, respond, options, axiosCode, ours] of [
  ['a 4xx', 400, {}, 'ERR_BAD_REQUEST', 'HTTPError'],
  ['a 5xx', 500, {}, 'ERR_BAD_RESPONSE', 'HTTPError'],
  ['an expired timeout', 'silent', { timeout: 50 }, 'ECONNABORTED', 'TimeoutError'],
  ['a reset', 'reset', {}, 'ECONNRESET', 'NetworkError ECONNRESET'],
  ['an abort', 'silent', { signal: AbortSignal.abort() }, 'ERR_CANCELED', 'AbortError'],
  ['too many redirects', 302, {}, 'ERR_FR_TOO_MANY_REDIRECTS', 'NetworkError'],
] as const)
  test(`${title} is ${axiosCode} in axios and ${ours} in kyoa`, async () => {
    await using server = await loopback((_, response) => {
      if (respond === 'reset') response.req.socket.resetAndDestroy();
      else if (respond !== 'silent') response.writeHead(respond, { location: '/next' }).end();
    });
    assert.equal((await failure(axios.get(server.url, options))).code, axiosCode);
    const { name, cause } = await failure(kyoa.create({ retry: 0 }).get(server.url, options));
    assert.equal(ours.includes(' ') ? `${name} ${String(cause)}` : name, ours);
  });

test('a refused connection is ECONNREFUSED in both', async () => {
  const { url } = await closed();
  assert.equal((await failure(axios.get(url))).code, 'ECONNREFUSED');
  assert.deepEqual(await failure(kyoa.create({ retry: 0 }).get(url)), {
    name: 'NetworkError',
    code: undefined,
    cause: 'ECONNREFUSED',
  });
});

async function closed(): Promise<{ url: string }> {
  const server = await loopback(() => {});
  await server[Symbol.asyncDispose]();
  return server;
}

test('in Node the timeout of axios limits a silence, and that of kyoa the call', async () => {
  await using server = await loopback(async (_, response) => {
    for (let n = 0; n < 8 && !response.destroyed; n += 1) {
      response.write('.');
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
    response.end();
  });
  assert.equal((await axios.get(server.url, { timeout: 200 })).data, '........');
  await assert.rejects(kyoa.get(server.url, { timeout: 200 }).text(), isTimeoutError);
});

test('a silence in the middle of a body is longer than both', async () => {
  await using server = await loopback((_, response) => void response.write('.'));
  assert.equal((await failure(axios.get(server.url, { timeout: 50 }))).code, 'ERR_BAD_RESPONSE');
  await assert.rejects(kyoa.get(server.url, { timeout: 50 }).text(), isTimeoutError);
});

test('`error.response.data` is `error.data`', async () => {
  await using server = await loopback((_, response) => json(response, { field: 'name' }, 422));
  const data = await axios.get(server.url).catch((error: unknown) => axios.isAxiosError(error) && error.response?.data);
  const ours = await kyoa.get(server.url).catch((error: unknown) => isHTTPError(error) && error.data);
  assert.deepEqual(ours, data);
});

for (const [base, path, axiosPath, prefixPath, baseUrlPath] of [
  ['/v1', 'users', '/v1/users', '/v1/users', '/users'],
  ['/v1', '/users', '/v1/users', '/v1/users', '/users'],
  ['/v1/', 'users', '/v1/users', '/v1/users', '/v1/users'],
  ['/v1/', '/users', '/v1/users', '/v1/users', '/users'],
] as const)
  test(`${path} under ${base}: baseURL and prefix agree`, async () => {
    await using server = await loopback((_, response) => json(response, {}));
    await axios.create({ baseURL: server.url + base }).get(path);
    await kyoa.create({ prefix: server.url + base }).get(path);
    await kyoa.create({ baseUrl: server.url + base }).get(path);
    assert.deepEqual(
      server.seen.map(({ url }) => url),
      [axiosPath, prefixPath, baseUrlPath],
    );
  });

test('an absolute URL replaces baseURL and baseUrl, and not prefix', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  const base = 'http://api.example.invalid/v1/';
  const url = `${server.url}/users`;
  await axios.create({ baseURL: base }).get(url);
  await kyoa.create({ baseUrl: base }).get(url);
  await assert.rejects(kyoa.create({ prefix: base, retry: 0 }).get(url), { name: 'NetworkError' });
  assert.equal(server.seen.length, 2);
});

for (const [title, theirs, ours] of [
  [
    'validateStatus',
    { validateStatus: (status: number) => status < 500 },
    { throwHttpErrors: (status: number) => status >= 500 },
  ],
  [
    'auth',
    { auth: { username: 'Ada', password: 'pass' } },
    { headers: { authorization: `Basic ${btoa('Ada:pass')}` } },
  ],
] as const)
  test(`\`${title}\` has a counterpart`, async () => {
    await using server = await loopback((_, response) => json(response, {}, 404));
    const options = { validateStatus: () => true, ...theirs };
    await axios.get(server.url, options);
    await kyoa.get(server.url, { throwHttpErrors: false, ...ours });
    const [one, other] = server.seen.map(({ headers }) => headers.authorization);
    assert.equal(other, one);
  });

test('text is a form in axios, and text in kyoa', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  await axios.post(server.url, 'a=1');
  await kyoa.post(server.url, { body: 'a=1' });
  await kyoa.post(server.url, { body: new URLSearchParams({ a: '1' }) });
  const types = server.seen.map(({ headers }: Seen) => headers['content-type']?.toLowerCase());
  const form = 'application/x-www-form-urlencoded';
  assert.deepEqual(types, [form, 'text/plain;charset=utf-8', `${form};charset=utf-8`]);
});

test('`maxRedirects: 0` is `redirect: "manual"`', async () => {
  await using server = await loopback((_, response) => void response.writeHead(302, { location: '/next' }).end());
  const { status } = await axios.get(server.url, { maxRedirects: 0, validateStatus: () => true });
  assert.equal((await kyoa.get(server.url, { redirect: 'manual', throwHttpErrors: false })).status, status);
  assert.equal(server.seen.length, 2);
});

test('`proxy` is an option of kyoa/undici', async () => {
  await using proxy = await loopback((_, response) => json(response, { from: 'the proxy' }));
  const { hostname: host, port } = new URL(proxy.url);
  await using transport = undici({ proxy: proxy.url });
  const url = 'http://api.example.invalid/users';
  const { data } = await axios.get(url, { proxy: { host, port: Number(port) } });
  assert.deepEqual(await kyoa.create({ fetch: transport }).get(url).json(), data);
  assert.deepEqual(
    proxy.seen.map((seen) => seen.url),
    [url, url],
  );
});
