/** What docs/recipes/mocking.md says of msw 2 and nock 14. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import kyoa from 'kyoa';
import { undici } from 'kyoa/undici';
import { http, HttpResponse } from 'msw2';
import { setupServer } from 'msw2/node';
import nock from 'nock14';

const url = 'https://api.example.com/users';
const api = kyoa.create({ retry: { backoff: () => 0 } });
const down = () => new HttpResponse(null, { status: 503 });

test('msw 2 mocks the global fetch, and not kyoa/undici', async () => {
  nock.restore();
  const server = setupServer(
    http.get(url, down, { once: true }),
    http.get(url, () => HttpResponse.json(['Ada'])),
  );
  server.listen({ onUnhandledRequest: 'error' });
  assert.deepEqual(await api.get(url).json(), ['Ada']);

  const transport = undici();
  const bypassing = kyoa.create({ fetch: transport, retry: 0 });
  await assert.rejects(bypassing.get('https://api.example.invalid/users'), { name: 'NetworkError' });
  await transport.close();

  let requests = 0;
  server.use(http.get(url, () => ((requests += 1), HttpResponse.error())));
  await assert.rejects(api.get(url, { retry: 1 }), { name: 'NetworkError' });
  assert.equal(requests, 2);
  server.close();
});

test('nock 14 mocks the global fetch, and not kyoa/undici', async () => {
  nock.activate();
  nock.disableNetConnect();
  nock('https://api.example.com').get('/users').reply(503).get('/users').reply(200, ['Ada']);
  assert.deepEqual(await api.get(url).json(), ['Ada']);

  const transport = undici();
  const scope = nock('https://api.example.invalid').get('/users').reply(200, []);
  const bypassing = kyoa.create({ fetch: transport, retry: 0 });
  await assert.rejects(bypassing.get('https://api.example.invalid/users'), { name: 'NetworkError' });
  assert.equal(scope.isDone(), false);
  await transport.close();
});

test('an error of `replyWithError` of nock 14 is retried', async () => {
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  const scope = nock('https://api.example.com').get('/users').replyWithError(reset).get('/users').reply(200, []);
  assert.deepEqual(await api.get(url).json(), []);
  assert.equal(scope.isDone(), true);
});

after(() => nock.restore());
