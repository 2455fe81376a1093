/** docs/examples/service.ts, two instances of it, on a real Redis and before a real payment server. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { request } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { start, type Service } from '../../docs/examples/service.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';

let redis: RedisServer;
let payments: Server;
let paid: string[];
let services: Service[];
let heard: string[];

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

beforeEach(async () => {
  redis = await startRedis();
  paid = [];
  heard = [];
  payments = createServer((request, response) => {
    paid.push(String(request.headers['idempotency-key']));
    request.resume().on('end', () => {
      // The first attempt fails: it is sent again, with the same key.
      response.writeHead(paid.length === 1 ? 503 : 201, { 'content-type': 'application/json' }).end('{"number":7}');
    });
  });
  payments.listen(0, '127.0.0.1');
  await once(payments, 'listening');
  const settings = { port: 0, redisUrl: redis.url, paymentUrl: addressOf(payments) };
  services = await Promise.all([1, 2].map(() => start({ ...settings, log: ({ type }) => heard.push(type) })));
  for (const { server } of services) if (!server.listening) await once(server, 'listening');
});
afterEach(async () => {
  for (const service of services) {
    service.server.closeAllConnections();
    await service.stop();
  }
  payments.closeAllConnections();
  payments.close();
  await redis.stop();
});

test('an order that goes to both instances is paid once, though the first attempt failed', async () => {
  const order = async (service: Service, key?: string) => {
    const { statusCode, headers, body } = await request(`${addressOf(service.server)}orders`, {
      method: 'POST',
      body: '{"amount":12}',
      // As behind a load balancer: to its clients, both are the same shop.
      headers: { host: 'shop.example', ...(key && { 'idempotency-key': key }) },
    });
    return { status: statusCode, replayed: headers['idempotency-replayed'], result: await body.json() };
  };
  const [one, two] = services as [Service, Service];
  const result = { payment: { number: 7 } };
  expect(await order(one, 'order-42')).toEqual({ status: 201, replayed: undefined, result });
  expect(await order(two, 'order-42')).toEqual({ status: 201, replayed: 'true', result });
  expect(paid).toEqual(['order-42', 'order-42']);
  expect(await order(two)).toMatchObject({ status: 400 });
  expect(heard).toEqual(expect.arrayContaining(['retry.scheduled', 'idempotency.replayed']));
});
