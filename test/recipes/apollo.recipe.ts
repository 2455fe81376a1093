import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { createFetch, standard } from 'kyoa';

const client = (uri: string) =>
  new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({
      uri,
      fetch: createFetch({ use: standard(), overrides: false }),
      useGETForQueries: true, // so that queries are repeated, and mutations sent once; and no RetryLink
    }),
  });

/** Apollo itself sends concurrent equal queries once, by `queryDeduplication`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gql, ServerError } from '@apollo/client';
import { Defer20220824Handler } from '@apollo/client/incremental';

import { inTwo, json, loopback } from './loopback.ts';

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
  const { data } = await client(server.url).query({ query: items });
  assert.deepEqual(data, { items: [{ id: 1 }] });
  assert.equal(server.seen.length, 3);
});

test('a mutation is sent once', async () => {
  await using server = await loopback((_, response) => json(response, { data: { order: { id: 7 } } }));
  server.trouble(503);
  await assert.rejects(client(server.url).mutate({ mutation: order }), ServerError);
  assert.deepEqual(
    server.seen.map(({ method }) => method),
    ['POST'],
  );
});

test('a 4xx is the error of the SDK', async () => {
  await using server = await loopback((_, response) => json(response, { message: 'Whose token?' }, 401));
  const refused = client(server.url).query({ query: items });
  await assert.rejects(refused, (error) => ServerError.is(error) && error.statusCode === 401);
  assert.equal(server.seen.length, 1);
});

const deferred = gql`
  query Deferred {
    items {
      id
      ... @defer {
        name
      }
    }
  }
`;
const part = (value: unknown) => `\r\n--part\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(value)}`;
const first = part({ data: { items: [{ id: 1, __typename: 'Item' }] }, hasNext: true }) + '\r\n--part';
const rest = part({
  incremental: [{ path: ['items', 0], data: { name: 'Ink', __typename: 'Item' } }],
  hasNext: false,
}).replace('\r\n--part', '');
const streaming = (uri: string) => {
  const whole = client(uri);
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: whole.link,
    incrementalHandler: new Defer20220824Handler(),
  });
};

test('a deferred part arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'multipart/mixed; boundary="part"; deferSpec=20220824');
    return inTwo(response, first, arrived.promise, `${rest}\r\n--part--\r\n`);
  });
  const states: string[] = [];
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const subscription = streaming(server.url)
    .watchQuery({ query: deferred })
    .subscribe(({ data, dataState }) => {
      states.push(dataState);
      if (dataState === 'streaming') arrived.resolve(); // the server sends the rest only when the first part has arrived
      if (dataState !== 'complete') return;
      assert.equal((data as { items: { name: string }[] }).items[0]?.name, 'Ink');
      resolve();
    });
  await over;
  subscription.unsubscribe();
  assert.deepEqual(states, ['empty', 'streaming', 'complete']);
});

test('an abort in the middle of a response reaches the server', async () => {
  await using server = await loopback((_, response) => {
    response.setHeader('content-type', 'multipart/mixed; boundary="part"; deferSpec=20220824');
    response.write(first);
  });
  const subscription = streaming(server.url)
    .watchQuery({ query: deferred })
    .subscribe(({ dataState }) => {
      if (dataState === 'streaming') queueMicrotask(() => subscription.unsubscribe());
    });
  while (server.seen.length === 0) await new Promise(setImmediate);
  assert.equal(await server.seen[0]?.over, 'cut');
});
