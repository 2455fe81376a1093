/** kyoa/testing under Jest, with its fake timers. */
import { expect, jest, test } from '@jest/globals';

import kyoa from 'kyoa';
import { script } from 'kyoa/testing';

test('fake timers control the delays of a script, and the retries and timeouts of the client', async () => {
  jest.useFakeTimers();
  const server = script([{ status: 503 }, { fault: 'reset' }, { fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
  const api = kyoa.create({ fetch: server.fetch, timeout: { headers: 1_000 } });
  const users = api.get('https://api.example.com/users').json();
  await jest.advanceTimersByTimeAsync(30_000);
  expect(await users).toEqual(['Ada']);
  server.done();
  jest.useRealTimers();
});
