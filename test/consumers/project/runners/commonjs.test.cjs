/** kyoa under Jest, in CommonJS. */
const { expect, test } = require('@jest/globals');
const { default: kyoa, createFetch, retry } = require('kyoa');
const { script } = require('kyoa/testing');

test('require gives the client, the members and the other entry points', async () => {
  const server = script([{ status: 503 }, { json: ['Ada'] }, { text: 'plain' }]);
  const api = kyoa.create({ fetch: server.fetch, retry: { backoff: () => 1 } });
  expect(await api.get('https://api.example.com/users').json()).toEqual(['Ada']);
  const response = await createFetch({ use: [retry()], fetch: server.fetch })('https://api.example.com/');
  expect(await response.text()).toBe('plain');
  server.done();
});
