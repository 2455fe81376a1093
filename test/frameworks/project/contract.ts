/** What holds for a service in every framework. A framework is a function that starts a server for a service. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { createService, type Service } from './service.ts';

export interface Running {
  readonly url: string;
  /** Resolves when the last response has been sent and the service is closed. */
  stop(): Promise<void>;
}

export type Start = (service: Service) => Promise<Running>;

/** The other service. A test decides how it responds, and it records its requests. */
const catalog = createServer((incoming, response) => {
  seen.push(incoming);
  respond(response, incoming);
});
let seen: IncomingMessage[] = [];
let respond: (response: ServerResponse, incoming: IncomingMessage) => void;
const found = (response: ServerResponse): void => {
  response.setHeader('content-type', 'application/json').end('{"name":"a ticket"}');
};

export function contract(framework: string, start: Start): void {
  describe(framework, { timeout: 30_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-frameworks-'));
    let url: string;
    let service: Service;
    let running: Running;

    const begin = async (): Promise<void> => {
      const { port } = catalog.address() as AddressInfo;
      service = createService(`http://127.0.0.1:${port}/`, join(folder, `${Math.random()}.db`));
      running = await start(service);
      url = running.url;
    };
    before(async () => {
      catalog.listen(0, '127.0.0.1');
      await once(catalog, 'listening');
      await begin();
    });
    after(async () => {
      await running.stop();
      catalog.close();
      catalog.closeAllConnections();
      await once(catalog, 'close');
      rmSync(folder, { recursive: true });
    });
    beforeEach(() => {
      seen = [];
      respond = found;
    });

    const order = (headers: Record<string, string>, signal?: AbortSignal): Promise<Response> =>
      fetch(`${url}/orders`, {
        method: 'POST',
        body: '{"product":"1"}',
        headers: { 'content-type': 'application/json', ...headers },
        signal: signal ?? null,
      });

    test('a call has the identity and the trace of the request that it is made for', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const response = await fetch(`${url}/products/1`, { headers: { authorization: 'Bearer Ada', traceparent } });
      assert.deepEqual(await response.json(), { name: 'a ticket' });
      assert.equal(seen[0]!.headers.authorization, 'Bearer Ada');
      assert.match(
        String(seen[0]!.headers['traceparent']),
        /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)/,
      );
    });

    test('a call survives a 503', async () => {
      respond = (response) => (seen.length === 1 ? void response.writeHead(503).end() : found(response));
      assert.equal((await fetch(`${url}/products/1`)).status, 200);
      assert.equal(seen.length, 2);
    });

    test('two users who ask for the same thing at once do not share a response', async () => {
      respond = (response, incoming) => void response.end(JSON.stringify({ user: incoming.headers.authorization }));
      const users = ['Bearer Ada', 'Bearer Grace'];
      const responses = await Promise.all(
        users.map(async (authorization) => (await fetch(`${url}/products/1`, { headers: { authorization } })).json()),
      );
      assert.deepEqual(
        responses,
        users.map((user) => ({ user })),
      );
    });

    test('a call ends when the client of the service goes away', async () => {
      const arrived = Promise.withResolvers<ServerResponse>();
      respond = arrived.resolve;
      const client = new AbortController();
      const call = fetch(`${url}/products/1`, { signal: client.signal });
      const upstream = await arrived.promise;
      client.abort();
      await assert.rejects(call, { name: 'AbortError' });
      await once(upstream, 'close');
      assert.equal(upstream.writableFinished, false);
    });

    const quote = (signal?: AbortSignal): Promise<Response> =>
      fetch(`${url}/quotes`, {
        method: 'POST',
        body: '{"product":"1"}',
        headers: { 'content-type': 'application/json' },
        signal: signal ?? null,
      });

    test('a body that the framework has parsed is sent on, and its client may still go away', async () => {
      const bodies: string[] = [];
      respond = async (response, incoming) => {
        let body = '';
        for await (const part of incoming.setEncoding('utf8')) body += part as string;
        bodies.push(body);
        found(response);
      };
      assert.deepEqual(await (await quote()).json(), { name: 'a ticket' });
      assert.deepEqual(bodies, ['{"product":"1"}']);

      const arrived = Promise.withResolvers<ServerResponse>();
      respond = arrived.resolve;
      const client = new AbortController();
      const left = quote(client.signal);
      const upstream = await arrived.promise;
      client.abort();
      await assert.rejects(left, { name: 'AbortError' });
      await once(upstream, 'close');
      assert.equal(upstream.writableFinished, false);
    });

    test('a call takes no longer than its client waits, and is then a 504', async () => {
      respond = () => {};
      const response = await fetch(`${url}/products/1`, { headers: { 'x-envoy-expected-rq-timeout-ms': '50' } });
      assert.equal(response.status, 504);
    });

    test('a failure of the other service is a 502 or a 404, without its words', async () => {
      respond = (response) => void response.writeHead(418).end('a secret');
      const teapot = await fetch(`${url}/products/1`);
      assert.equal(teapot.status, 502);
      assert.doesNotMatch(await teapot.text(), /secret/);
      respond = (response) => void response.writeHead(404).end();
      assert.equal((await fetch(`${url}/products/1`)).status, 404);
    });

    test('a repeated order is executed once, and that of another user is another order', async () => {
      const place = async (user: string): Promise<{ id: string; replayed: boolean }> => {
        const response = await order({ authorization: user, 'idempotency-key': 'one' });
        assert.equal(response.status, 201);
        const { id } = (await response.json()) as { id: string };
        return { id, replayed: response.headers.get('idempotency-replayed') === 'true' };
      };
      const first = await place('Bearer Ada');
      assert.deepEqual(await place('Bearer Ada'), { id: first.id, replayed: true });
      const other = await place('Bearer Grace');
      assert.equal(other.replayed, false);
      assert.notEqual(other.id, first.id);
      assert.equal(seen.length, 2);
    });

    test('an order with a key is executed although its client goes away, and the repeat gets the response', async () => {
      const arrived = Promise.withResolvers<ServerResponse>();
      respond = arrived.resolve;
      const client = new AbortController();
      const left = order({ 'idempotency-key': 'left' }, client.signal);
      const upstream = await arrived.promise;
      client.abort();
      await assert.rejects(left, { name: 'AbortError' });
      found(upstream);
      const response = await order({ 'idempotency-key': 'left' });
      assert.equal(response.status, 201);
      assert.equal(seen.length, 1);
    });

    test('an order without a key ends when its client goes away', async () => {
      const arrived = Promise.withResolvers<ServerResponse>();
      respond = arrived.resolve;
      const client = new AbortController();
      const left = order({}, client.signal);
      const upstream = await arrived.promise;
      client.abort();
      await assert.rejects(left, { name: 'AbortError' });
      await once(upstream, 'close');
      assert.equal(upstream.writableFinished, false);
    });

    test('an error of the handler is one 500, without its message', async () => {
      const write = console.error;
      console.error = () => {};
      try {
        const response = await fetch(`${url}/orders`, { method: 'POST', body: 'no json, but a secret' });
        assert.equal(response.status, 500);
        assert.doesNotMatch(await response.text(), /secret|JSON/);
      } finally {
        console.error = write;
      }
    });

    test('a failed call of the handler is a problem with the same status', async () => {
      respond = (response) => void response.writeHead(418).end();
      const response = await order({});
      assert.equal(response.status, 502);
      assert.equal(response.headers.get('content-type'), 'application/problem+json');
    });

    test('an upload is read while it arrives, and the response is sent while it is made', async () => {
      const { incoming, upload } = await importing(`${url}/imports`, '{1}');
      const parts = incoming[Symbol.asyncIterator]() as AsyncIterator<string>;
      assert.equal((await parts.next()).value, 'imported {1}');
      upload.end('{2}');
      assert.equal((await parts.next()).value, 'imported {2}');
      assert.equal((await parts.next()).done, true);
    });

    test('a response that fails while it is sent is cut, and has no second status', async () => {
      const write = console.error;
      console.error = () => {};
      try {
        const { incoming, upload } = await importing(`${url}/imports`, '{1}');
        assert.equal(incoming.statusCode, 200);
        upload.on('error', () => {}).write('nothing');
        await assert.rejects(async () => {
          for await (const part of incoming) assert.equal(part, 'imported {1}');
        });
      } finally {
        console.error = write;
      }
    });

    test('a client that goes away in the middle of a response gives back its permit', async () => {
      const { incoming, upload } = await importing(`${url}/imports`, '{1}');
      assert.equal(service.numbers().handlers['all']?.running, 1);
      upload.on('error', () => {});
      incoming.on('error', () => {}).destroy();
      while ((service.numbers().handlers['all']?.running ?? 0) > 0) await new Promise(setImmediate);
    });

    test('the numbers count the calls', async () => {
      const { calls } = service.numbers();
      await (await fetch(`${url}/products/1`)).json();
      const numbers = (await (await fetch(`${url}/numbers`)).json()) as { calls: number };
      assert.equal(numbers.calls, calls + 1);
    });

    test('a service that stops says so, finishes what it has begun, and leaves nothing open', async () => {
      const arrived = Promise.withResolvers<ServerResponse>();
      respond = arrived.resolve;
      const last = fetch(`${url}/products/1`);
      const upstream = await arrived.promise;
      assert.equal((await fetch(`${url}/ready`)).status, 200);
      service.drain();
      assert.equal((await fetch(`${url}/ready`)).status, 503);
      const stopped = running.stop();
      found(upstream);
      assert.equal((await last).status, 200);
      await stopped;
      await assert.rejects(fetch(`${url}/ready`), TypeError);
      await assert.rejects(service.catalog.get('products/1', { retry: 0 }));
      assert.deepEqual(service.numbers().connections, {
        [new URL(`http://127.0.0.1:${(catalog.address() as AddressInfo).port}`).origin]: {
          connected: 0,
          free: 0,
          pending: 0,
          running: 0,
          queued: 0,
          longestHold: 0,
        },
      });
      await begin();
    });
  });
}

/** An upload that goes on, with its response that has begun. */
async function importing(
  url: string,
  first: string,
): Promise<{ incoming: IncomingMessage; upload: ReturnType<typeof request> }> {
  const upload = request(url, { method: 'POST', agent: false });
  upload.write(first);
  const [incoming] = (await once(upload, 'response')) as [IncomingMessage];
  return { incoming: incoming.setEncoding('utf8'), upload };
}
