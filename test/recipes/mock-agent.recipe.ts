import kyoa from 'kyoa';
import { MockAgent, setGlobalDispatcher } from 'undici';

const agent = new MockAgent();
agent.disableNetConnect();
setGlobalDispatcher(agent); // for the fetch of Node, too

// Each reply is used by one attempt.
function outage(): void {
  const server = agent.get('https://api.example.com');
  server.intercept({ path: '/users' }).reply(503).times(2);
  server.intercept({ path: '/users' }).reply(200, [{ name: 'Ada' }]);
}

/** kyoa/undici has connections of its own, which no dispatcher replaces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { undici } from 'kyoa/undici';

test('a call survives two responses of 503', async () => {
  outage();
  const api = kyoa.create({ retry: { backoff: () => 0 } });
  assert.deepEqual(await api.get('https://api.example.com/users').json(), [{ name: 'Ada' }]);
  agent.assertNoPendingInterceptors();
});

test('the agent does not see the requests of kyoa/undici', async () => {
  await using transport = undici();
  const api = kyoa.create({ fetch: transport, retry: 0 });
  await assert.rejects(api.get('https://api.example.invalid/users').json(), { name: 'NetworkError' });
});
