import kyoa from 'kyoa';
import { virtualTime } from 'kyoa/testing';
import nock from 'nock';

nock.disableNetConnect();

// Each reply is used by one attempt.
const outage = () =>
  nock('https://api.example.com')
    .get('/users')
    .times(2)
    .reply(503)
    .get('/users')
    .reply(200, [{ name: 'Ada' }]);

async function usersAfterAnOutage(): Promise<unknown> {
  const scope = outage();
  using time = virtualTime(); // the pauses between attempts take no real time
  const users = await time.until(kyoa.create().get('https://api.example.com/users').json());
  scope.done(); // all replies were used
  return users;
}

/** nock 15 replaces the global fetch and the sockets of Node, which kyoa/undici uses. */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { undici } from 'kyoa/undici';

const url = 'https://api.example.com/users';

afterEach(() => nock.cleanAll());
after(() => nock.restore());

test('a call survives two responses of 503', async () => {
  assert.deepEqual(await usersAfterAnOutage(), [{ name: 'Ada' }]);
});

test('a reset is retried', async () => {
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  const scope = nock('https://api.example.com').get('/users').replyWithError(reset).get('/users').reply(200, []);
  assert.deepEqual(await kyoa.create().get(url).json(), []);
  scope.done();
});

for (const [title, host, name, attempts] of [
  ['a request to a host without replies is a network error, which is retried', 'other', 'NetworkError', 4],
  ['a request to a host that has replies for other requests is a 501, which is not', 'api', 'HTTPError', 1],
] as const)
  test(title, async () => {
    outage();
    let unmatched = 0;
    const count = (): void => void (unmatched += 1);
    nock.emitter.on('no match', count);
    const api = kyoa.create({ retry: { backoff: () => 0 } });
    await assert.rejects(api.get(`https://${host}.example.com/orders`).json(), { name });
    nock.emitter.off('no match', count);
    assert.equal(unmatched, attempts);
  });

test('nock replies to kyoa/undici as well', async () => {
  await using transport = undici();
  const scope = outage();
  const api = kyoa.create({ fetch: transport, retry: { backoff: () => 0 } });
  assert.deepEqual(await api.get(url).json(), [{ name: 'Ada' }]);
  scope.done();
});
