/** Handlers in the servers of the examples of the docs, on real connections. */
import { once } from 'node:events';
import { IncomingMessage, type Server } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';

import {
  constant,
  createFetch,
  createHandler,
  idempotency,
  memory,
  observe,
  retry,
  timeout,
  trace,
  type KyoaHandler,
  type Middleware,
} from 'kyoa';
import { Request as ForeignRequest } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';

import { shop } from '../docs/examples/hono.ts';
import { listen } from '../docs/examples/node-http.ts';
import { orders } from '../docs/examples/orders.ts';
import { deferred } from './support/promises.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

const mounts: Record<string, (handle: KyoaHandler) => Server> = {
  "Node's http": (handle) => listen(handle, 0),
  Hono: (handle) => listen(shop(handle).fetch, 0),
};

async function mount(where: keyof typeof mounts, handle: KyoaHandler): Promise<string> {
  const server = mounts[where]!(handle);
  servers.push(server);
  if (!server.listening) await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
}

const order = (key?: string, init: RequestInit = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ item: 'a ticket' }),
  headers: key === undefined ? {} : { 'Idempotency-Key': key },
  ...init,
});

describe.each(Object.keys(mounts))('a handler under %s', (where) => {
  test('places the order of the example once for a key', async () => {
    let placed = 0;
    const url = await mount(
      where,
      orders(memory(), async () => (placed += 1)),
    );
    for (const replayed of [null, 'true']) {
      const response = await fetch(url, order('k'));
      expect(response.status).toBe(201);
      expect(response.headers.get('location')).toBe('/orders/1');
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(response.headers.get('idempotency-replayed')).toBe(replayed);
      expect(await response.json()).toEqual({ id: 1, item: 'a ticket' });
    }
    for (const [init, status] of [
      [order(), 400],
      [order('k', { body: '{"item":"two"}' }), 422],
    ] as const) {
      const response = await fetch(url, init);
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ status });
    }
    expect(placed).toBe(1);
  });

  test('places one order for 200 concurrent requests', async () => {
    const refusedAll = deferred();
    let placed = 0;
    const handle = orders(memory(), async () => {
      await refusedAll.promise;
      return (placed += 1);
    });
    const url = await mount(where, handle);
    let refused = 0;
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const { status, headers } = await fetch(url, order('k'));
        expect(headers.get('retry-after')).toBe(status === 409 ? '1' : null);
        if (status === 409 && (refused += 1) === 199) refusedAll.resolve();
        return status;
      }),
    );
    expect(statuses.filter((status) => status === 409)).toHaveLength(199);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(placed).toBe(1);
  });

  test('continues when the client aborts, and replays its response to a repeat', async () => {
    const [begun, ended, left] = [deferred(), deferred(), deferred()];
    let placed = 0;
    const storage = memory();
    const handle = createHandler({ storage, use: [idempotency()] }, async (request, { signal }) => {
      request.signal.addEventListener('abort', () => left.resolve());
      begun.resolve();
      await ended.promise;
      return Response.json({ placed: (placed += 1), aborted: signal.aborted });
    });
    const url = await mount(where, handle);
    const leaving = new AbortController();
    const gone = fetch(url, order('k', { signal: leaving.signal }));
    await begun.promise;
    leaving.abort('gone');
    await expect(gone).rejects.toBe('gone');
    await left.promise; // the server has aborted the request of the handler

    expect((await fetch(url, order('k'))).status).toBe(409);
    ended.resolve();
    let again = await fetch(url, order('k'));
    while (again.status === 409) again = await fetch(url, order('k'));
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.json()).toEqual({ placed: 1, aborted: false });
    expect(placed).toBe(1);
  });

  test('is aborted when the client of a request without a key aborts', async () => {
    const [begun, aborted] = [deferred(), deferred()];
    const handle = createHandler({ use: [idempotency()] }, async (_, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      begun.resolve();
      return new Promise<Response>(() => {});
    });
    const url = await mount(where, handle);
    const leaving = new AbortController();
    const gone = fetch(url, order(undefined, { signal: leaving.signal }));
    await begun.promise;
    leaving.abort('gone');
    await expect(gone).rejects.toBe('gone');
    await aborted.promise;
  });

  test('replays bytes and cookies unchanged', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const handle = createHandler({ use: [timeout(5_000), idempotency()] }, () => {
      const response = new Response(bytes, { headers: { 'content-type': 'image/png' } });
      for (const cookie of ['a=1; Path=/', 'b=2; Path=/']) response.headers.append('set-cookie', cookie);
      return response;
    });
    const url = await mount(where, handle);
    for (const replayed of [null, 'true']) {
      const response = await fetch(url, order('k'));
      expect(response.headers.get('idempotency-replayed')).toBe(replayed);
      expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Path=/']);
      expect(response.headers.get('content-type')).toBe('image/png');
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    }
  });

  test('replays an empty body as an empty body', async () => {
    const handle = createHandler({ use: [idempotency()] }, () => new Response(null, { status: 204 }));
    const url = await mount(where, handle);
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(url, order('k'));
      expect(response.status).toBe(204);
      expect(await response.text()).toBe('');
    }
  });

  test('streams an event stream, and ends it with its client', async () => {
    const cancelled = deferred();
    const handle = createHandler({ use: [idempotency()] }, () => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
        cancel: () => cancelled.resolve(),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    const url = await mount(where, handle);
    const response = await fetch(url, order('k'));
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n');
    await reader.cancel();
    await cancelled.promise;
  });
});

test('a client whose attempt exceeds its limit gets the response of that attempt from the next attempt', async () => {
  const exceeded = deferred();
  let placed = 0;
  const handle = createHandler({ use: [idempotency({ conflict: 'wait' })] }, async () => {
    await exceeded.promise;
    return Response.json({ placed: (placed += 1) });
  });
  const url = await mount("Node's http", handle);
  const attempts: number[] = [];
  const send = createFetch({
    use: [
      observe((event) => {
        if (event.type === 'attempt.sent') attempts.push(event.attempt);
        if (event.type === 'timeout.exceeded') exceeded.resolve();
      }),
      idempotency(),
      retry({ backoff: constant(1) }),
      timeout({ headers: 200 }),
    ],
  });
  const response = await send(url, { method: 'POST', body: 'a ticket' });
  expect(await response.json()).toEqual({ placed: 1 });
  expect(response.headers.get('idempotency-replayed')).toBe('true');
  expect(attempts).toEqual([1, 2]);
  expect(placed).toBe(1);
});

test('a handler under Hono receives no request of another route', async () => {
  const url = await mount(
    'Hono',
    orders(memory(), async () => 1),
  );
  expect(await (await fetch(new URL('/', url))).text()).toBe('open');
  expect((await fetch(url)).status).toBe(404);
});

test('a middleware changes the headers of a Request that is not the platform’s, as bridges of node:http make', async () => {
  const use: Middleware = (_ctx, next) => next({ headers: { 'x-tenant': 'seven' } });
  const handle = createHandler({ use: [trace(), use] }, async (request) =>
    Response.json([request.headers.get('x-tenant'), request.headers.has('traceparent'), await request.text()]),
  );
  const foreign = new ForeignRequest('http://shop.example/orders', { method: 'POST', body: 'a ticket' });
  expect(foreign).not.toBeInstanceOf(Request);
  const response = await handle(foreign as unknown as Request);
  expect(await response.json()).toEqual(['seven', true, 'a ticket']);
});

test.each([undefined, null])(
  'a handler takes a Request whose signal is %s, of a bridge that has none',
  async (signal) => {
    const { headers } = new Request('http://shop.example/orders');
    const handle = createHandler({ use: [timeout(5_000)] }, ({ method }) => new Response(method));
    const request = { method: 'GET', url: 'http://shop.example/orders', headers, signal };
    expect(await (await handle(request as unknown as Request)).text()).toBe('GET');
  },
);

test('a handler refuses a request of node:http, and says what makes a Request of it', async () => {
  const handle = createHandler({}, () => new Response('ok'));
  for (const request of [new IncomingMessage(new Socket()), undefined]) {
    await expect(handle(request as never)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/^the request of a handler must be a Request, which getRequestListener/) as string,
    });
  }
});
