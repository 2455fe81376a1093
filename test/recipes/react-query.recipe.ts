import { QueryClient, queryOptions } from '@tanstack/react-query';
import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://api.example.com/' });

const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: false }, // or both would retry: 4 x 4 requests
  },
});

const userQuery = (id: number, users = api) =>
  queryOptions({
    queryKey: ['user', id],
    queryFn: ({ signal }) => users.get(`users/${id}`, { signal }).json<User>(),
  });

/** A query of TanStack Query is aborted when its last component leaves, but only if its function takes the signal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onlineManager, QueryObserver } from '@tanstack/react-query';
import { isHTTPError } from 'kyoa';

import { json, loopback } from './loopback.ts';

interface User {
  readonly name: string;
}

const quick = (baseUrl: string) => kyoa.create({ baseUrl, retry: { backoff: () => 0 } });

test('with the defaults of both, a server that is down gets 16 requests', async () => {
  await using server = await loopback((_, response) => json(response, {}, 503));
  const both = new QueryClient({ defaultOptions: { queries: { retry: 3, retryDelay: 0 } } });
  await assert.rejects(both.fetchQuery({ ...userQuery(1, quick(server.url)), retry: 3 }), { name: 'HTTPError' });
  assert.equal(server.seen.length, 16);
});

test('without the retries of TanStack Query it gets 4', async () => {
  await using server = await loopback((_, response) => json(response, {}, 503));
  queryClient.clear();
  const failed = new QueryObserver(queryClient, userQuery(1, quick(server.url)));
  const { error, failureCount } = await new Promise<{ error: unknown; failureCount: number }>((resolve) => {
    const leave = failed.subscribe((result) => {
      if (!result.isError) return;
      leave();
      resolve(result);
    });
  });
  assert.equal(server.seen.length, 4);
  assert.equal(failureCount, 1);
  assert.ok(isHTTPError(error) && error.response.status === 503);
  queryClient.clear();
});

test('a query survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { name: 'Ada' }));
  server.trouble(503, 'reset');
  queryClient.clear();
  assert.deepEqual(await queryClient.fetchQuery(userQuery(1, quick(server.url))), { name: 'Ada' });
  assert.equal(server.seen.length, 3);
  queryClient.clear();
});

test('a query waits while the device is offline', async () => {
  await using server = await loopback((_, response) => json(response, { name: 'Ada' }));
  queryClient.mount(); // as `QueryClientProvider` does
  onlineManager.setOnline(false);
  const query = queryClient.fetchQuery(userQuery(1, quick(server.url)));
  await new Promise(setImmediate);
  assert.equal(queryClient.getQueryState(userQuery(1).queryKey)?.fetchStatus, 'paused');
  assert.equal(server.seen.length, 0);
  onlineManager.setOnline(true);
  assert.deepEqual(await query, { name: 'Ada' });
  queryClient.unmount();
  queryClient.clear();
});

test('a mutation is sent once', async () => {
  await using server = await loopback((_, response) => json(response, {}, 503));
  const mutation = queryClient.getMutationCache().build(queryClient, {
    mutationFn: () =>
      quick(server.url)
        .post('orders', { json: { id: 7 } })
        .json(),
  });
  await assert.rejects(mutation.execute(undefined), { name: 'HTTPError' });
  assert.equal(server.seen.length, 1);
  queryClient.clear();
});

test('when the last component leaves, the request is aborted', async () => {
  await using server = await loopback(() => {}); // no response
  const observer = new QueryObserver(queryClient, userQuery(2, quick(server.url)));
  const leave = observer.subscribe(() => {});
  await server.arrived();
  leave();
  assert.equal(await server.seen[0]?.over, 'cut');
  queryClient.clear();
});

for (const [title, passesSignal, expected] of [
  ['a query that takes the signal is fetched anew after a mutation', true, 'new'],
  ['one that does not take it shares the request from before the mutation', false, 'old'],
] as const)
  test(title, async () => {
    let name = 'old';
    const held: (() => void)[] = [];
    await using server = await loopback((_, response) => {
      const body = { name };
      held.push(() => json(response, body));
    });
    const users = kyoa.create({ baseUrl: server.url, retry: 0, timeout: false });
    const options = queryOptions({
      queryKey: ['user', 3],
      queryFn: ({ signal }) => users.get('users/3', passesSignal ? { signal } : {}).json<User>(),
    });
    const observer = new QueryObserver(queryClient, { ...options, initialData: { name: 'none' } });
    const leave = observer.subscribe(() => {});
    await server.arrived();
    name = 'new'; // the mutation
    const refetched = queryClient.invalidateQueries({ queryKey: options.queryKey });
    if (passesSignal) await server.arrived(2);
    for (const respond of held) respond();
    await refetched;
    assert.deepEqual(queryClient.getQueryData(options.queryKey), { name: expected });
    assert.equal(server.seen.length, passesSignal ? 2 : 1);
    leave();
    queryClient.clear();
  });
