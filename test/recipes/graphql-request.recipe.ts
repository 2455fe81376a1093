import { GraphQLClient } from 'graphql-request';
import { createFetch, standard } from 'kyoa';

const fetch = createFetch({ use: standard(), overrides: false });

// Queries as GETs, which are repeated; mutations as POSTs, once. graphql-request has no retry of its own.
const queries = (url: string) => new GraphQLClient(url, { fetch, method: 'GET' });
const mutations = (url: string) => new GraphQLClient(url, { fetch });

/** graphql-request reads a response whole, and has no streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ClientError, gql } from 'graphql-request';

import { json, loopback } from './loopback.ts';

const items = gql`
  query Items {
    items {
      id
    }
  }
`;
const order = gql`
  mutation Order {
    order {
      id
    }
  }
`;

test('a query survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { data: { items: [{ id: 1 }] } }));
  server.trouble(503, 'reset');
  assert.deepEqual(await queries(server.url).request(items), { items: [{ id: 1 }] });
  assert.equal(server.seen.length, 3);
});

test('a mutation is sent once', async () => {
  await using server = await loopback((_, response) => json(response, { data: { order: { id: 7 } } }));
  server.trouble(503);
  await assert.rejects(mutations(server.url).request(order), ClientError);
  assert.deepEqual(
    server.seen.map(({ method }) => method),
    ['POST'],
  );
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, { errors: [{ message: 'Whose token?' }] }, 401));
  const refused = queries(server.url).request(items);
  await assert.rejects(refused, (error) => error instanceof ClientError && error.response.status === 401);
  assert.equal(server.seen.length, 1);
});

test('an abort in the middle of a response reaches the server', async () => {
  const caller = new AbortController();
  await using server = await loopback((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":');
    setImmediate(() => caller.abort());
  });
  await assert.rejects(queries(server.url).request({ document: items, signal: caller.signal }), { name: 'AbortError' });
  assert.equal(await server.seen[0]?.over, 'cut');
});
