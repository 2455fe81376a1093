/** kyoa/testing under node:test: with its mock timers, and with kyoa's virtual time. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import kyoa, { createFetch, timeout } from 'kyoa';
import { script, virtualTime } from 'kyoa/testing';

const url = 'https://api.example.com/users';
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('mock timers control the delays of a script and the timer of a timeout', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  try {
    const server = script([{ delay: 200, text: 'late' }, { fault: 'hang' }]);
    const response = server.fetch(url);
    await settled();
    mock.timers.tick(200);
    assert.equal(await (await response).text(), 'late');

    const timedOut = createFetch({ use: [timeout(5_000)], fetch: server.fetch })(url);
    await settled();
    mock.timers.tick(5_000);
    await assert.rejects(timedOut, { code: 'TIMEOUT' });
    server.done();
  } finally {
    mock.timers.reset();
  }
});

test('virtual time runs the delays of a script, and the retries and timeouts of the client', async () => {
  const time = virtualTime();
  try {
    const server = script([{ status: 503 }, { fault: 'reset' }, { fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
    const api = kyoa.create({ fetch: server.fetch, timeout: { headers: 1_000 } });
    assert.deepEqual(await time.until(api.get(url).json()), ['Ada']);
    server.done();
  } finally {
    time.restore();
  }
});
