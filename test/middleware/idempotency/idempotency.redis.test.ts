import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { constant, idempotency, retry, StorageError, type Storage } from 'kyoa';
import { redis } from 'kyoa/redis';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { stub, watched } from '../../support/call.ts';
import { root } from '../../support/lanes.ts';
import { manual } from '../../support/manual.ts';
import { startRedis, type RedisServer } from '../../support/redis.ts';

const url = 'http://api.example/orders';
const call = { method: 'POST', body: 'one ticket', requestId: 'k' };

test('four processes, of which some are killed, have each request done once, with one answer for all', () => {
  const proof = [join(root, 'bench/proof-idempotency.ts'), '--smoke', 'redis'];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: each request was done once, with one answer for all');
}, 60_000);

const connectors = {
  async 'node-redis'(url: string) {
    const client = createClient({ url });
    client.on('error', () => {});
    await client.connect();
    return { client, disconnect: () => client.destroy() };
  },
  async ioredis(url: string) {
    const client = new Redis(url, { lazyConnect: true });
    client.on('error', () => {});
    await client.connect();
    return { client, disconnect: () => client.disconnect() };
  },
};

describe.each(Object.entries(connectors))('idempotency on Redis with %s', (_, connect) => {
  let server: RedisServer;
  let storage: Storage;
  const ends: (() => void)[] = [];
  const open = async (timeout = 5_000): Promise<Storage> => {
    const { client, disconnect } = await connect(server.url);
    ends.push(disconnect);
    return redis(client, { timeout });
  };
  beforeEach(async () => {
    server = await startRedis();
    storage = await open();
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await server.stop();
  });

  test('a repeat through another client replays the answer byte by byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const [one, two] = [await open(), await open()].map((storage) =>
      stub(
        [idempotency({ storage })],
        () =>
          new Response(bytes, {
            headers: [
              ['set-cookie', 'a'],
              ['set-cookie', 'b'],
            ],
          }),
      ),
    );
    await one!.fetch(url, call);
    const again = await two!.fetch(url, call);
    expect(new Uint8Array(await again.arrayBuffer())).toEqual(bytes);
    expect(again.headers.getSetCookie()).toEqual(['a', 'b']);
    expect(two!.sent).toEqual([]);
  });

  test('of 200 concurrent calls through four clients one is sent', async () => {
    const storages = await Promise.all(Array.from({ length: 4 }, () => open()));
    const clients = storages.map((storage) => stub([idempotency({ storage })], (n) => new Response(`answer ${n}`)));
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => clients[n % 4]!.fetch(url, call)));
    expect(clients.flatMap(({ sent }) => sent)).toHaveLength(1);
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(texts)).toEqual(new Set(['answer 1']));
  });

  test('a Redis that is gone fails the call before anything is sent', async () => {
    const impatient = await open(500);
    await server.stop();
    const { fetch, sent } = stub(
      [idempotency({ storage: impatient }), retry({ backoff: constant(0) })],
      () => new Response('x'),
    );
    await expect(fetch(url, call)).rejects.toThrow(StorageError);
    expect(sent).toEqual([]);
    server = await startRedis();
  });

  test('a Redis behind a black hole fails the call before anything is sent', async () => {
    const impatient = await open(200);
    server.freeze();
    const { fetch, sent } = stub(
      [idempotency({ storage: impatient }), retry({ backoff: constant(0) })],
      () => new Response('x'),
    );
    await expect(fetch(url, call)).rejects.toThrow(/Redis has not answered within 200 ms/);
    expect(sent).toEqual([]);
  });

  test('one that falls silent before the answer is recorded does not withhold it', async () => {
    const impatient = await open(200);
    const { fetch, events } = stub([idempotency({ storage: impatient })], () => {
      server.freeze();
      return new Response('done');
    });
    expect(await (await fetch(url, call)).text()).toBe('done');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', key: 'k', error: expect.any(StorageError) }),
    );
    server.thaw();
  });

  test('a renewal that was carried out though nobody heard of it does not cost the holder its key', async () => {
    const { transport, asked, answer } = manual();
    const { fetch } = watched([idempotency({ storage: await open(100), lease: 900 })], transport);
    const response = fetch(url, call);
    await asked;
    const version = async (): Promise<number | undefined> =>
      (await storage.get('idempotency ["http://api.example","k"]'))?.version;
    const claimed = await version();
    server.freeze(); // it takes the renewal, and carries it out when it is well again
    await new Promise((resolve) => setTimeout(resolve, 450));
    server.thaw();
    expect(await version()).toBeGreaterThan(claimed!);
    answer(new Response('done'));
    expect(await (await response).text()).toBe('done');
    const again = stub([idempotency({ storage })], () => new Response('x'));
    expect(await (await again.fetch(url, call)).text()).toBe('done');
    expect(again.sent).toEqual([]);
  });
});
