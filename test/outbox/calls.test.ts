/** Each way to write a call, through both clients: what is sent at once, and what is sent later, is the same request. */
import { File } from 'node:buffer';

import kyoa, { createFetch, memory, standard, type KyoaFetch } from 'kyoa';
import { outbox, OutboxError, type Outbox } from 'kyoa/outbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ledger, type Arrival, type Ledger } from '../support/ledger.ts';
import { reasonOf } from '../support/promises.ts';

let server: Ledger;
let box: Outbox;
beforeEach(async () => {
  server = await ledger();
  box = outbox({ backoff: () => 3_600_000 });
});
afterEach(async () => {
  box.close();
  await server[Symbol.asyncDispose]();
});

type Send = (url: string, init: NonNullable<Parameters<KyoaFetch>[1]> & { json?: unknown }) => Promise<Response>;

const clients: readonly [string, () => Send][] = [
  ['createFetch', () => withJson(createFetch({ use: [box], storage: memory() }))],
  [
    'createFetch around standard()',
    () => withJson(createFetch({ use: [box, ...standard({ retry: false })], storage: memory() })),
  ],
  ['the client', () => kyoa.create({ use: [box], storage: memory() })],
  ['the client around standard()', () => kyoa.create({ use: (stack) => [box, ...stack], retry: 0, storage: memory() })],
];

function withJson(api: KyoaFetch): Send {
  return (url, { json, ...init }) =>
    json === undefined
      ? api(url, init)
      : api(url, { ...init, body: JSON.stringify(json), headers: { 'content-type': 'application/json' } });
}

const form = (): FormData => {
  const form = new FormData();
  form.set('name', 'grüße');
  form.set('file', new Blob([Uint8Array.of(0x81, 0xff, 13, 10)]), 'photo.jpg');
  return form;
};
const bodies: readonly [string, () => Parameters<Send>[1]][] = [
  ['JSON', () => ({ json: { name: 'grüße' } })],
  ['text', () => ({ body: '\uFEFFgrüße' })],
  ['no body', () => ({})],
  ['an empty body', () => ({ body: '' })],
  ['a form with a file', () => ({ body: form() })],
  ['URLSearchParams', () => ({ body: new URLSearchParams('a=b&c=ä') })],
  ['a Blob', () => ({ body: new Blob(['a', 'b'], { type: 'text/css' }) })],
  ['a File without a type', () => ({ body: new File([Uint8Array.of(255, 254)], 'photo') as Blob })],
  ['bytes', () => ({ body: Uint8Array.of(0, 128, 255) })],
  ['an ArrayBuffer', () => ({ body: Uint8Array.of(1, 2, 3).buffer })],
  [
    'headers',
    () => ({ body: 'x', headers: { 'content-type': 'text/csv', 'x-tenant': 'ä', accept: 'application/json' } }),
  ],
];

/** What identifies a request on the wire. The boundary of a form is random. */
const facts = ({ method, path, headers, body, key }: Arrival): unknown => {
  const type = headers['content-type'];
  const boundary = type?.split('boundary=')[1];
  const without = (text: string): string => (boundary === undefined ? text : text.replaceAll(boundary, ''));
  const { 'x-tenant': tenant, accept } = headers;
  return { method, path, key, type: type && without(type), text: without(body.toString('latin1')), tenant, accept };
};

describe.each(clients)('%s', (_, client) => {
  test.each(bodies)('sends %s later as it would have been sent at once', async (_, init) => {
    const send = client();
    const call = (): Promise<Response> =>
      send(`${server.url}/orders?a=b`, { method: 'POST', ...init(), requestId: 'one' });
    server.state = (_, response) => {
      if (server.arrivals.length === 1) return 'down';
      return void response.writeHead(201).end();
    };
    const response = await call();
    expect([response.status, response.headers.get('outbox-id'), await response.json()]).toEqual([
      202,
      'one',
      { id: 'one' },
    ]);
    expect(response).toMatchObject({ url: `${server.url}/orders?a=b`, ok: true, redirected: false });
    expect(await box.flush()).toBe(0);
    expect(server.arrivals).toHaveLength(2);
    expect(facts(server.arrivals[1]!)).toEqual(facts(server.arrivals[0]!));
    // The same call again is no other request, although a form has another boundary.
    expect((await call()).headers.get('idempotency-replayed')).toBe('true');
  });

  test.each(['PUT', 'PATCH', 'DELETE'])('keeps a %s', async (method) => {
    const send = client();
    server.state = 'down';
    expect((await send(server.url, { method, body: 'x' })).status).toBe(202);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.arrivals).toMatchObject([{ method, key: expect.stringMatching(/^[\da-f-]{36}$/) as string }]);
  });

  test.each(['GET', 'HEAD'])('keeps no %s', async (method) => {
    server.state = 'down';
    await expect(client()(server.url, { method })).rejects.toThrow(/fetch failed|network error/);
    expect(await box.waiting()).toEqual([]);
  });

  test.each<[string, () => Parameters<Send>[1], string]>([
    ['a stream', () => ({ body: new Blob(['x']).stream(), duplex: 'half' }) as RequestInit, 'the body is a stream'],
    ['more than 64 KiB', () => ({ body: 'x'.repeat(65_537) }), 'the body has more than 65536 bytes; raise maxBody'],
    [
      'a token of its own',
      () => ({ body: 'x', headers: { authorization: 'Bearer x' } }),
      'the header authorization is not stored',
    ],
    ['the mode no-cors', () => ({ body: 'x', mode: 'no-cors' }), 'the mode no-cors removes its idempotency key'],
  ])('refuses %s before anything is sent, and sends it with outbox: false', async (_, init, message) => {
    const send = client();
    const reason = await reasonOf(send(server.url, { method: 'POST', ...init() }));
    expect(reason).toBeInstanceOf(OutboxError);
    expect(reason).toMatchObject({ code: 'OUTBOX_REFUSED', message: expect.stringContaining(message) as string });
    expect(server.arrivals).toEqual([]);
    expect((await send(server.url, { method: 'POST', ...init(), outbox: false })).ok).toBe(true);
  });

  test('keeps 64 KiB', async () => {
    server.state = 'down';
    const send = client();
    expect((await send(server.url, { method: 'POST', body: 'x'.repeat(65_536) })).status).toBe(202);
  });
});

test.each<[string, () => BodyInit]>([
  ['text', () => 'grüße'],
  ['a form', form],
  ['bytes', () => Uint8Array.of(255, 0)],
])('a Request with %s is sent later as it would have been sent at once', async (_, body) => {
  const api = createFetch({ use: [box], storage: memory() });
  const call = (): Promise<Response> =>
    api(new Request(server.url, { method: 'POST', body: body(), headers: { 'x-tenant': 'a' } }), { requestId: 'one' });
  server.state = () => (server.arrivals.length === 1 ? 'down' : 'up');
  expect((await call()).status).toBe(202);
  expect(await box.flush()).toBe(0);
  expect(facts(server.arrivals[1]!)).toEqual(facts(server.arrivals[0]!));
  expect((await call()).status).toBe(201);
});

test('a Request whose signal has aborted is neither sent nor kept', async () => {
  const api = createFetch({ use: [box], storage: memory() });
  const request = new Request(server.url, { method: 'POST', body: 'x', signal: AbortSignal.abort('left') });
  expect(await reasonOf(api(request))).toBe('left');
  expect([await box.waiting(), server.arrivals]).toEqual([[], []]);
});

test('a key of the caller is the key of each try, and the key is quoted on demand', async () => {
  const quoted = outbox({ format: 'structured' });
  const api = createFetch({ use: [quoted], storage: memory() });
  await api(server.url, { method: 'POST', body: 'x', requestId: 'a"b' });
  const named = createFetch({ use: [box], storage: memory() });
  server.state = () => (server.arrivals.length === 2 ? 'down' : 'up');
  await named(server.url, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'own' }, requestId: 'one' });
  await box.flush();
  expect(server.keys).toEqual(['"a\\"b"', 'own', 'own']);
  quoted.close();
});

test('an id that no header can carry is refused', async () => {
  const api = createFetch({ use: [box], storage: memory() });
  const reason = await reasonOf(api(server.url, { method: 'POST', body: 'x', requestId: 'é' }));
  expect(reason).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('requestId') as string });
});
