import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import got from 'got';
import kyoa, { type Kyoa } from 'kyoa';

// Before
const allBefore = (url: string) => got.paginate.all<User>(url);
const downloadBefore = (url: string, path: string) => pipeline(got.stream(url), createWriteStream(path));

// After. A link to the next page may be absolute, so the instance has a `baseUrl` and no `prefix`.
async function* paginate<T>(api: Kyoa, first: string): AsyncGenerator<T> {
  let next: string | undefined = first;
  while (next !== undefined) {
    const response: Response = await api.get(next);
    yield* (await response.json()) as T[];
    const link = /<([^>]+)>; *rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
    next = link && new URL(link, response.url).href;
  }
}
async function allAfter(url: string): Promise<User[]> {
  const users: User[] = [];
  for await (const user of paginate<User>(kyoa, url)) users.push(user);
  return users;
}

async function downloadAfter(url: string, path: string): Promise<void> {
  const { body } = await kyoa.get(url, { timeout: { total: 600_000 } }); // `total` is 30 s, also for the body
  await pipeline(body!, createWriteStream(path));
}

/** What docs/migrating/got.md says of got and of kyoa, each against the same server. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { isHTTPError, isTimeoutError } from 'kyoa';

import { json, loopback } from './loopback.ts';

interface User {
  readonly page: number;
}

test('both read all pages, and those of kyoa survive a 503', async () => {
  for (const [all, trouble] of [
    [allBefore, []],
    [allAfter, [503]],
  ] as const) {
    await using server = await loopback(({ url }, response) => {
      const page = Number(new URL(url, 'http://localhost').searchParams.get('page') ?? 1);
      if (page < 3) response.setHeader('link', `</users?page=${page + 1}>; rel="next"`);
      json(response, [{ page }]);
    });
    server.trouble(...trouble);
    const users = await all(`${server.url}/users`);
    assert.deepEqual(
      users.map(({ page }) => page),
      [1, 2, 3],
    );
  }
});

test('both write a body to a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kyoa-got-'));
  await using server = await loopback((_, response) => void response.end('a film'));
  for (const download of [downloadBefore, downloadAfter]) {
    await download(server.url, join(folder, 'film'));
    assert.equal(await readFile(join(folder, 'film'), 'utf8'), 'a film');
  }
  await rm(folder, { recursive: true });
});

test('`prefixUrl` is `prefix`', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  await got.extend({ prefixUrl: `${server.url}/v1` })('users');
  await kyoa.create({ prefix: `${server.url}/v1` }).get('users');
  assert.deepEqual(
    server.seen.map(({ url }) => url),
    ['/v1/users', '/v1/users'],
  );
});

test('null is an empty parameter in got, and the word in kyoa; both leave undefined out', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  await got(server.url, { searchParams: { a: 1, b: null, c: undefined } });
  await kyoa.get(server.url, { searchParams: { a: 1, b: null, c: undefined } as never });
  assert.deepEqual(
    server.seen.map(({ url }) => url),
    ['/?a=1&b=', '/?a=1&b=null'],
  );
});

test('`response.body` of an error is `data`, and its codes are classes', async () => {
  await using server = await loopback((_, response) => json(response, { field: 'name' }, 422));
  await assert.rejects(got(server.url), { code: 'ERR_NON_2XX_3XX_RESPONSE' });
  await assert.rejects(kyoa.get(server.url), (error) => isHTTPError(error) && 'field' in (error.data as object));
  await using silent = await loopback(() => {});
  await assert.rejects(got(silent.url, { timeout: { request: 50 }, retry: { limit: 0 } }), { code: 'ETIMEDOUT' });
  await assert.rejects(kyoa.get(silent.url, { timeout: 50 }), isTimeoutError);
});

test("`timeout.request` of got begins again with each retry, and kyoa's total does not", async () => {
  await using server = await loopback(() => {});
  await assert.rejects(
    got(server.url, {
      timeout: { request: 50 },
      retry: { limit: 1, calculateDelay: ({ computedValue }) => Math.min(1, computedValue) },
    }),
  );
  assert.equal(server.seen.length, 2);
  await assert.rejects(kyoa.get(server.url, { timeout: 50, retry: 1 }), isTimeoutError);
  assert.equal(server.seen.length, 3);
});
