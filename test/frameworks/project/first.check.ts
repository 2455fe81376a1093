/** The first route of each page, run as it is shown, but against a server and on a port of this test. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

const statuses = [503, 200];
const api = createServer((_, response) => {
  response.writeHead(statuses.shift()!, { 'content-type': 'application/json' }).end('{"name":"Ada"}');
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

for (const file of readdirSync('first')) {
  test(`first/${file} serves the user, although its API fails once`, async () => {
    statuses.splice(0, Infinity, 503, 200);
    api.listen(0, '127.0.0.1');
    await once(api, 'listening');
    const port = await freePort();
    const code = readFileSync(`first/${file}`, 'utf8')
      .replace('https://jsonplaceholder.typicode.com', `http://127.0.0.1:${(api.address() as AddressInfo).port}`)
      .replace('3000', String(port));
    const server = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
    try {
      const response = await firstResponse(`http://localhost:${port}/users/1`);
      assert.deepEqual(await response.json(), { name: 'Ada' });
      assert.equal(statuses.length, 0);
    } finally {
      server.kill();
      await once(server, 'exit');
      api.close();
      api.closeAllConnections();
      await once(api, 'close');
    }
  });
}

/** The response of a server that may still be starting. */
async function firstResponse(url: string): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetch(url);
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
