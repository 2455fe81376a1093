/** As in Node, with timers that are numbers and with the browser's fetch. */
import kyoa from 'kyoa';
import { script, virtualTime } from 'kyoa/testing';
import { expect, test } from 'vitest';

test('script and virtualTime work in a browser', async () => {
  const time = virtualTime();
  try {
    expect(setTimeout(() => {}, 1)).toBeTypeOf('number');
    const server = script([{ status: 503 }, { fault: 'reset' }, { fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
    const api = kyoa.create({ fetch: server.fetch, timeout: { headers: 1_000 } });
    expect(await time.until(api.get('https://api.example.com/users').json())).toEqual(['Ada']);
    expect(server.calls.map(({ state }) => state)).toEqual(['complete', 'failed', 'aborted', 'complete']);
    server.done();
  } finally {
    time.restore();
  }
});
