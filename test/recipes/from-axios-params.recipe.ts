import kyoa from 'kyoa';

type Value = string | number | boolean | Date | null | undefined;

// `params` as axios writes them: `a[]=1&a[]=2`, dates in ISO 8601, without what is null or undefined.
function params(values: Readonly<Record<string, Value | readonly Value[]>>): URLSearchParams {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((item: Value) => [`${name}[]`, item] as const) : [[name, value as Value] as const],
  );
  const search = new URLSearchParams();
  for (const [name, value] of pairs)
    if (value !== null && value !== undefined)
      search.append(name, value instanceof Date ? value.toISOString() : String(value));
  return search;
}

const api = kyoa.create({
  // The `data` of an empty response is '', as in axios. `JSON.parse('')` throws.
  parseJson: (text) => (text === '' ? '' : JSON.parse(text)),
});

/** axios writes what `new URLSearchParams(object)` does not: arrays, dates, nulls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import axios from 'axios';

import { json, loopback } from './loopback.ts';

test('the server receives the same parameters', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  const values = {
    ids: [1, 2, null],
    since: new Date(0),
    q: 'a b&c',
    page: 0,
    open: false,
    none: null,
    absent: undefined,
  };
  await axios.get(server.url, { params: values });
  await api.get(server.url, { searchParams: params(values) });
  const [theirs, ours] = server.seen.map(({ url }) => [...new URL(url, server.url).searchParams]);
  assert.deepEqual(ours, theirs);
  assert.equal(ours?.length, 6);
});

test('without it, arrays are joined, dates are local and null is a word', async () => {
  await using server = await loopback((_, response) => json(response, {}));
  await api.get(server.url, { searchParams: { ids: [1, 2], none: null } as never });
  assert.equal(server.seen[0]?.url, '/?ids=1%2C2&none=null');
});

test('an empty response is an empty text, with status 200 or 204', async () => {
  for (const status of [200, 204]) {
    await using server = await loopback((_, response) => void response.writeHead(status).end());
    assert.equal((await axios.get(server.url)).data, '');
    assert.equal(await api.get(server.url).json(), '');
    await assert.rejects(kyoa.get(server.url).json(), SyntaxError);
  }
});
