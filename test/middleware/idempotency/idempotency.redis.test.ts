import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { constant, idempotency, retry, StorageError, type Storage } from 'kyoa';
import { redis } from 'kyoa/redis';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { stub, watched } from '../../support/call.ts';
import { root } from '../../support/lanes.ts';
import { manual } from '../../support/manual.ts';
import { startRedis, type RedisServer } from '../../support/redis.ts';
import { numbered, order, url } from './order.ts';

const call = { ...order, requestId: 'k' };

test('idempotency on Redis gives no id two responses while processes are killed and stopped, clocks are set and Redis fails', () => {
  const proof = [join(root, 'bench/proof-fire.ts'), '--smoke', 'redis'];
  const { status, stdout, stderr } = spawnSync(process.execPath, proof, { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: no id has two responses');
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

  test('replays a response byte by byte to a repeat through another client', async () => {
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

  test('sends one request for 200 concurrent calls through four clients', async () => {
    const storages = await Promise.all(Array.from({ length: 4 }, () => open()));
    const clients = storages.map((storage) => stub([idempotency({ storage })], numbered()));
    const responses = await Promise.all(Array.from({ length: 200 }, (_, n) => clients[n % 4]!.fetch(url, call)));
    expect(clients.flatMap(({ sent }) => sent)).toHaveLength(1);
    const texts = await Promise.all(responses.map((response) => response.text()));
    expect(new Set(texts)).toEqual(new Set(['response 1']));
  });

  test('fails the call before anything is sent if Redis has stopped', async () => {
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

  test('fails the call before anything is sent if Redis does not respond', async () => {
    const impatient = await open(200);
    server.freeze();
    const { fetch, sent } = stub(
      [idempotency({ storage: impatient }), retry({ backoff: constant(0) })],
      () => new Response('x'),
    );
    await expect(fetch(url, call)).rejects.toThrow(/Redis has not answered within 200 ms/);
    expect(sent).toEqual([]);
  });

  test('returns the response if Redis stops responding for a lease before the response is stored', async () => {
    const impatient = await open(200);
    const { fetch, events } = stub([idempotency({ storage: impatient, lease: 1_000 })], () => {
      server.freeze();
      return new Response('done');
    });
    expect(await (await fetch(url, call)).text()).toBe('done');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', key: 'k', error: expect.any(StorageError) }),
    );
    server.thaw();
  });

  test.each(['is frozen', 'is full', 'has lost its scripts', 'was emptied'])(
    'stores the response of a holder that lives although Redis %s when the response arrives',
    async (fault) => {
      const admin = createClient({ url: server.url });
      await admin.connect();
      ends.push(() => admin.destroy());
      const faults: Record<string, () => Promise<unknown>> = {
        'is frozen': async () => {
          server.freeze();
          setTimeout(server.thaw, 400);
        },
        'is full': async () => {
          await admin.configSet('maxmemory', '1');
          setTimeout(() => void admin.configSet('maxmemory', '0'), 400);
        },
        'has lost its scripts': () => admin.scriptFlush(),
        'was emptied': () => admin.flushAll(),
      };
      const impatient = await open(100);
      const first = stub([idempotency({ storage: impatient })], async () => {
        await faults[fault]!();
        return new Response('done');
      });
      const second = stub([idempotency({ storage })], numbered());
      const response = await first.fetch(url, call);
      expect(response.headers.get('idempotency-replayed')).toBe(null);
      expect(await response.text()).toBe('done');
      expect(await (await second.fetch(url, call)).text()).toBe('done');
      expect(second.sent).toEqual([]);
    },
  );

  test('keeps the lease after a renewal that Redis carried out but did not acknowledge', async () => {
    const { transport, requested, respond } = manual();
    const impatient = await open(100);
    const set = vi.spyOn(impatient, 'set');
    const { fetch } = watched([idempotency({ storage: impatient, lease: 900 })], transport);
    const response = fetch(url, call);
    await requested;
    const version = async (): Promise<number | undefined> =>
      (await storage.get('idempotency ["http://api.example","k"]'))?.version;
    const acquired = await version();
    server.freeze(); // Redis receives the renewal, and carries it out after the thaw
    await vi.waitUntil(() => set.mock.settledResults[1]?.type === 'rejected');
    server.thaw();
    expect(await version()).toBeGreaterThan(acquired!);
    respond(new Response('done'));
    expect(await (await response).text()).toBe('done');
    const again = stub([idempotency({ storage })], () => new Response('x'));
    expect(await (await again.fetch(url, call)).text()).toBe('done');
    expect(again.sent).toEqual([]);
  });
});
