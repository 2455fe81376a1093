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

/** Nest's own start writes the module and the main file. */
const nest = `
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
class AppModule {}
Module({ controllers: [UsersController] })(AppModule);
await (await NestFactory.create(AppModule, { logger: ['error', 'fatal'] })).listen(3000);
`;

const routes = readdirSync('first').map((file) => ({ file: `first/${file}`, start: '' }));
for (const { file, start } of [...routes, { file: 'out/users.controller.js', start: nest }]) {
  test(`${file} serves the user, although its API fails once, and no client sees where the API is`, async () => {
    statuses.splice(0, Infinity, 503, 200);
    api.listen(0, '127.0.0.1');
    await once(api, 'listening');
    const port = await freePort();
    const code = (readFileSync(file, 'utf8') + start)
      .replace('https://jsonplaceholder.typicode.com', `http://127.0.0.1:${(api.address() as AddressInfo).port}`)
      .replace('3000', String(port));
    const server = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
    try {
      const response = await firstResponse(`http://localhost:${port}/users/1`);
      assert.deepEqual(await response.json(), { name: 'Ada' });
      assert.equal(statuses.length, 0);

      statuses.push(404);
      const missing = await fetch(`http://localhost:${port}/users/2`);
      assert.equal(missing.status, start === '' ? 404 : 500); // Nest's own filter does not know the error
      statuses.push(500, 500, 500, 500);
      const failed = await fetch(`http://localhost:${port}/users/3`);
      assert.equal(failed.status, 500);
      for (const response of [missing, failed]) assert.doesNotMatch(await response.text(), /127\.0\.0\.1|users/);
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
