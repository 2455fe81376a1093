/** Services that share a Redis share what waits. */
import { createFetch } from 'kyoa';
import { outbox, type Outbox } from 'kyoa/outbox';
import { redis } from 'kyoa/redis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { ledger, type Ledger } from '../support/ledger.ts';
import { reasonOf } from '../support/promises.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';

let store: RedisServer;
let server: Ledger;
let clients: ReturnType<typeof createClient>[];
let boxes: Outbox[];
beforeAll(async () => {
  store = await startRedis();
});
afterAll(() => store.stop());
beforeEach(async () => {
  server = await ledger();
  clients = [0, 1, 2].map(() => createClient({ url: store.url }).on('error', () => {}) as never);
  await Promise.all(clients.map((client) => client.connect()));
  await clients[0]!.flushAll();
  boxes = [];
});
afterEach(async () => {
  for (const box of boxes) box.close();
  for (const client of clients) client.destroy();
  await server[Symbol.asyncDispose]();
});

const services = (lease = 15_000) =>
  clients.map((client) => {
    const box = outbox({ backoff: () => 3_600_000, wait: 60_000, lease });
    boxes.push(box);
    const api = createFetch({ use: [box], storage: redis(client, { timeout: 500 }) });
    const post = (body: string): Promise<Response> => api(server.url, { method: 'POST', body, requestId: body });
    return { box, post };
  });

test('each request is sent once and in order, by whichever service', async () => {
  const all = services();
  server.state = 'down';
  const bodies = Array.from({ length: 30 }, (_, n) => `${n}`);
  for (const [n, body] of bodies.entries()) expect((await all[n % 3]!.post(body)).status).toBe(202);
  server.state = 'up';
  await Promise.all(all.map(({ box }) => box.flush()));
  expect(await all[0]!.box.waiting()).toEqual([]);
  expect(server.executed).toEqual(bodies);
  expect(server.arrivals).toHaveLength(30);
});

test('a hundred calls of three services at once are each sent once', async () => {
  const all = services();
  const calls = Array.from({ length: 99 }, (_, n) => all[n % 3]!.post(`${n}`));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([201]));
  expect([server.arrivals.length, server.executed.length]).toEqual([99, 99]);
}, 30_000);

test('calls of three services at once, without a network, are all listed', async () => {
  const all = services();
  server.state = 'down';
  const calls = Array.from({ length: 60 }, (_, n) => all[n % 3]!.post(`${n}`));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([202]));
  expect(await all[0]!.box.waiting()).toHaveLength(60);
  server.state = 'up';
  await Promise.all(all.map(({ box }) => box.flush()));
  expect(server.executed).toHaveLength(60);
}, 30_000);

test('a Redis that does not respond rejects the call before anything is sent, and loses nothing older', async () => {
  const [one] = services();
  server.state = 'down';
  expect((await one!.post('one')).status).toBe(202);
  store.freeze();
  try {
    expect(await reasonOf(one!.post('two'))).toMatchObject({ code: 'STORAGE' });
  } finally {
    store.thaw();
  }
  expect(server.executed).toEqual([]);
  server.state = 'up';
  await vi.waitFor(async () => expect(await one!.box.flush()).toBe(0), 5_000);
  expect(server.executed).toContain('one');
});

test('a Redis that was emptied holds up nothing', async () => {
  const [one, other] = services();
  server.state = 'down';
  await one!.post('one');
  await clients[0]!.flushAll();
  server.state = 'up';
  expect((await other!.post('two')).status).toBe(201);
  expect(await other!.box.waiting()).toEqual([]);
  await vi.waitFor(async () => expect(await one!.box.waiting()).toEqual([]));
});
