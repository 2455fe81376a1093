import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import kyoa from 'kyoa';
import { virtualTime } from 'kyoa/testing';
import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';

const server = setupServer(http.get('https://api.example.com/users', () => HttpResponse.json([{ name: 'Ada' }])));
server.listen({ onUnhandledFrame: 'error' });
afterEach(() => server.resetHandlers()); // removes what a test has added
after(() => server.close()); // gives the global fetch back

// An instance for each test: circuits, budgets and learnt limits belong to an instance.
const client = () => kyoa.create({ baseUrl: 'https://api.example.com/' });

// A handler with `once: true` is used up by one attempt, and the next attempt gets the next handler.
async function usersAfterAnOutage(): Promise<unknown> {
  const down = () => new HttpResponse(null, { status: 503 });
  server.use(
    http.get('https://api.example.com/users', down, { once: true }),
    http.get('https://api.example.com/users', down, { once: true }),
  );
  using time = virtualTime(); // the pauses between attempts take no real time
  return await time.until(client().get('users').json());
}

test('a call survives two responses of 503', async () => {
  assert.deepEqual(await usersAfterAnOutage(), [{ name: 'Ada' }]);
});

/** msw replaces the global fetch, which kyoa looks up at each call. */
import { undici } from 'kyoa/undici';
import { delay } from 'msw';

let requests = 0;
server.events.on('request:start', () => void (requests += 1));
afterEach(() => void (requests = 0));

test('each reply is used by one attempt', async () => {
  await usersAfterAnOutage();
  assert.equal(requests, 3);
});

test('`HttpResponse.error()` is a network error, which is retried', async () => {
  server.use(http.get('https://api.example.com/users', () => HttpResponse.error()));
  using time = virtualTime();
  await time.until(assert.rejects(client().get('users', { retry: 1 }).json(), { name: 'NetworkError' }));
  assert.equal(requests, 2);
});

test('a handler that never responds ends with a limit', async () => {
  server.use(http.get('https://api.example.com/users', () => delay('infinite')));
  using time = virtualTime();
  const call = client().get('users', { timeout: 5_000 }).json();
  await time.until(assert.rejects(call, { name: 'TimeoutError', phase: 'total' }));
});

test('a request without a handler fails, and is not retried', async (t) => {
  t.mock.method(console, 'error', () => {});
  await assert.rejects(client().get('orders').json(), { name: 'NetworkError' });
  assert.equal(requests, 1);
});

test('msw does not see the requests of kyoa/undici', async () => {
  await using transport = undici();
  const api = kyoa.create({ fetch: transport, retry: 0 });
  await assert.rejects(api.get('https://api.example.invalid/users').json(), { name: 'NetworkError' });
  assert.equal(requests, 0);
});
