/** Two services that share a Redis: one goes on with the upload of the other. */
import { randomBytes } from 'node:crypto';

import { createFetch } from 'kyoa';
import { redis } from 'kyoa/redis';
import { upload, type Uploaded } from 'kyoa/upload';
import { createClient } from 'redis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startRedis, type RedisServer } from '../support/redis.ts';
import { uploadServer } from '../support/uploads/server.ts';

let store: RedisServer;
beforeAll(async () => {
  store = await startRedis();
});
afterAll(() => store.stop());

test.each(['tus', 'draft'] as const)('%s', async (protocol) => {
  await using server = await uploadServer({ protocol });
  const film = randomBytes(3_000_000);
  const clients = [createClient({ url: store.url }), createClient({ url: store.url })];
  await Promise.all(clients.map((client) => client.connect()));
  const [one, other] = clients.map((client) => createFetch({ storage: redis(client) }));
  const send = (api: typeof one): Promise<Uploaded> =>
    upload(api!, server.url, new Blob([film]), { requestId: protocol, chunk: 1_000_000, backoff: () => 0 });

  server.trouble({ method: 'PATCH', cutAfter: 500_000 }, { method: 'HEAD', status: 403 });
  await expect(send(one)).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
  const { url } = await send(other);
  expect(film.equals(await server.bytesOf(url))).toBe(true);
  const { length } = server.log;
  expect((await send(one)).url).toBe(url);
  expect(server.log).toHaveLength(length);
  expect(server.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201']);
  for (const client of clients) client.destroy();
});
