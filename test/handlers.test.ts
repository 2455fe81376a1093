/** A handler is mounted where a function from Request to Response can be: the examples of the docs, on real connections. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  constant,
  createFetch,
  createHandler,
  idempotency,
  memory,
  observe,
  retry,
  timeout,
  type KyoaHandler,
} from 'kyoa';
import { afterEach, describe, expect, test } from 'vitest';

import { shop } from '../docs/examples/hono.ts';
import { listen } from '../docs/examples/node-http.ts';
import { orders } from '../docs/examples/orders.ts';

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

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

const order = (key?: string, init: RequestInit = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ item: 'a ticket' }),
  headers: key === undefined ? {} : { 'Idempotency-Key': key },
  ...init,
});

describe.each(Object.keys(mounts))('under %s', (where) => {
  test('the example places an order once for a key', async () => {
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

  test('200 at once place one order', async () => {
    const refusedAll = gate();
    let placed = 0;
    const handle = orders(memory(), async () => {
      await refusedAll.opened;
      return (placed += 1);
    });
    const url = await mount(where, handle);
    let refused = 0;
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const { status, headers } = await fetch(url, order('k'));
        expect(headers.get('retry-after')).toBe(status === 409 ? '1' : null);
        if (status === 409 && (refused += 1) === 199) refusedAll.open();
        return status;
      }),
    );
    expect(statuses.filter((status) => status === 409)).toHaveLength(199);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(placed).toBe(1);
  });

  test('a client who leaves amid the work does not stop it, and a repeat replays it', async () => {
    const [begun, ended, left] = [gate(), gate(), gate()];
    let placed = 0;
    const storage = memory();
    const handle = createHandler({ storage, use: [idempotency()] }, async (request, { signal }) => {
      request.signal.addEventListener('abort', () => left.open());
      begun.open();
      await ended.opened;
      return Response.json({ placed: (placed += 1), aborted: signal.aborted });
    });
    const url = await mount(where, handle);
    const leaving = new AbortController();
    const gone = fetch(url, order('k', { signal: leaving.signal }));
    await begun.opened;
    leaving.abort('gone');
    await expect(gone).rejects.toBe('gone');
    await left.opened; // the bridge has told the handler

    expect((await fetch(url, order('k'))).status).toBe(409);
    ended.open();
    let again = await fetch(url, order('k'));
    while (again.status === 409) again = await fetch(url, order('k'));
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.json()).toEqual({ placed: 1, aborted: false });
    expect(placed).toBe(1);
  });

  test('without a key, a client who leaves aborts the work', async () => {
    const [begun, aborted] = [gate(), gate()];
    const handle = createHandler({ use: [idempotency()] }, async (_, { signal }) => {
      signal.addEventListener('abort', () => aborted.open());
      begun.open();
      return new Promise<Response>(() => {});
    });
    const url = await mount(where, handle);
    const leaving = new AbortController();
    const gone = fetch(url, order(undefined, { signal: leaving.signal }));
    await begun.opened;
    leaving.abort('gone');
    await expect(gone).rejects.toBe('gone');
    await aborted.opened;
  });

  test('bytes and cookies are replayed as they were', async () => {
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

  test('no body stays no body', async () => {
    const handle = createHandler({ use: [idempotency()] }, () => new Response(null, { status: 204 }));
    const url = await mount(where, handle);
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(url, order('k'));
      expect(response.status).toBe(204);
      expect(await response.text()).toBe('');
    }
  });

  test('an event stream is streamed, and ends with its client', async () => {
    const cancelled = gate();
    const handle = createHandler({ use: [idempotency()] }, () => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
        cancel: () => cancelled.open(),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    const url = await mount(where, handle);
    const response = await fetch(url, order('k'));
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n');
    await reader.cancel();
    await cancelled.opened;
  });
});

test('a client that gives up on an attempt gets the answer of that very attempt from the next one', async () => {
  const gaveUp = gate();
  let placed = 0;
  const handle = createHandler({ use: [idempotency({ conflict: 'wait' })] }, async () => {
    await gaveUp.opened;
    return Response.json({ placed: (placed += 1) });
  });
  const url = await mount("Node's http", handle);
  const attempts: number[] = [];
  const send = createFetch({
    use: [
      observe((event) => {
        if (event.type === 'attempt.sent') attempts.push(event.attempt);
        if (event.type === 'timeout.exceeded') gaveUp.open();
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

test('under Hono the other routes are none of its business', async () => {
  const url = await mount(
    'Hono',
    orders(memory(), async () => 1),
  );
  expect(await (await fetch(new URL('/', url))).text()).toBe('open');
  expect((await fetch(url)).status).toBe(404);
});
