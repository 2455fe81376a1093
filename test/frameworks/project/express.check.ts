import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { createRequestListener } from '@remix-run/node-fetch-server';
import express from 'express';
import { createHandler } from 'kyoa';

import { contract } from './contract.ts';
import { expressApp, stop } from './express.ts';

contract('Express', async (service) => {
  const server = expressApp(service).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => stop(server, service),
  };
});

test('a handler of kyoa behind express.json() gets the request as aborted: Express has read the body', async () => {
  const app = express();
  app.use(express.json());
  const called = Promise.withResolvers<Request>();
  const handle = createHandler({ use: [] }, (request) => {
    called.resolve(request);
    return Response.json({});
  });
  app.post('/', createRequestListener(handle));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const headers = { 'content-type': 'application/json' };
  const client = new AbortController();
  const call = fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}', headers, signal: client.signal });
  assert.equal((await called.promise).signal.aborted, true); // no response is sent
  client.abort();
  await assert.rejects(call, { name: 'AbortError' });
  server.close();
  await once(server, 'close');
});
