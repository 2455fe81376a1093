/** Makes one call through each entry point. The server's first response to each is a 503. Every runtime runs this file. */
import { createServer } from 'node:http';

import kyoa, { createFetch, createHandler, memory, standard } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { redis } from 'kyoa/redis';
import { script, storageContract, virtualTime } from 'kyoa/testing';

const check = (what, holds) => {
  if (!holds) throw new Error(`The check of ${what} failed`);
};

let requests = 0;
const server = createServer((_, response) => {
  requests += 1;
  response.writeHead(requests % 2 === 1 ? 503 : 200, { 'content-type': 'application/json' }).end('["Ada"]');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}/users`;
check('the client', (await kyoa.get(url).json())[0] === 'Ada' && requests === 2);
check('the fetch', (await (await createFetch({ use: standard() })(url)).text()) === '["Ada"]' && requests === 4);
const handle = createHandler({ use: standard() }, () => new Response('handled'));
check('the handler', (await (await handle(new Request(url))).text()) === 'handled');
check('the adapters', typeof indexeddb === 'function' && typeof redis === 'function');
server.closeAllConnections();
await new Promise((closed) => server.close(closed));

for (const { run } of storageContract(memory, { shared: false })) await run();

// Some runtimes do not have node:sqlite.
const hasSqlite = await import('node:sqlite').then(
  () => true,
  () => false,
);
const { file } = hasSqlite ? await import('kyoa/file') : {};
if (hasSqlite) {
  const store = file('runtime.db');
  check('the file', (await store.set('key', 'value')) > 0 && (await store.get('key')).value === 'value');
  await store.close();
}

const time = virtualTime();
const scripted = script([{ status: 503 }, { fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
const api = kyoa.create({ fetch: scripted.fetch, timeout: { headers: 1_000 } });
check('the scripted fetch', (await time.until(api.get(url).json()))[0] === 'Ada');
time.restore();
scripted.done();

console.log(`client, fetch, handler, memory, ${hasSqlite ? 'file' : 'no node:sqlite'}, testing`);
