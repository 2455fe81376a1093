/** What `bench/capacity.ts` measures: one kind of call on one store. A store counts its operations. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryUsage } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from 'redis';

import { file } from '../../adapters/storage/file.ts';
import { memory } from '../../adapters/storage/memory.ts';
import { redis } from '../../adapters/storage/redis.ts';
import { createFetch, staleIfError, standard, type KyoaFetch, type Storage } from '../../src/index.ts';
import type { RedisServer } from '../../test/support/redis.ts';

/** The response of every call: 400 bytes of JSON. */
const body = JSON.stringify({ id: 'order-42', text: 'x'.repeat(370) });
export const respond = async (): Promise<Response> =>
  new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'max-age=0' } });

/** A kind of call: the stack of its client, and the n-th call. */
export interface Kind {
  readonly client: (storage: Storage) => KyoaFetch;
  readonly call: (fetch: KyoaFetch, n: number) => Promise<Response>;
}

const origin = 'https://api.example.com';
const stack = (storage: Storage): KyoaFetch => createFetch({ storage, use: standard(), fetch: respond });
const get: Kind['call'] = (fetch, n) => fetch(`${origin}/items/${n}`);
const post: Kind['call'] = (fetch, n) => fetch(`${origin}/orders`, { method: 'POST', body, requestId: `order-${n}` });

/** Of `repeat` each call has one of these identifiers. They are stored by the warm-up. */
export const repeated = 64;

export const kinds = {
  'no policies': { client: (storage) => createFetch({ storage, fetch: respond }), call: get },
  'GET, standard()': { client: stack, call: get },
  'GET, with staleIfError()': {
    client: (storage) => createFetch({ storage, use: [staleIfError(), ...standard()], fetch: respond }),
    call: get,
  },
  'POST with requestId': { client: stack, call: post },
  'the same, repeated': { client: stack, call: (fetch, n) => post(fetch, n % repeated) },
} satisfies Record<string, Kind>;

export interface Store extends AsyncDisposable {
  readonly storage: Storage;
  readonly operations: () => number;
  /** Bytes that it occupies. */
  readonly size: () => Promise<number>;
}

export function inMemory(): Store {
  const size = async (): Promise<number> => {
    for (let turn = 0; turn < 3; turn += 1) {
      globalThis.gc?.();
      await sleep(10);
    }
    return memoryUsage().heapUsed;
  };
  return counted(memory({ maxEntries: 1_000_000 }), size);
}

export function onDisk(durability: 'power' | 'process'): Store {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-capacity-'));
  const path = join(folder, 'store.db');
  const size = async (): Promise<number> => statSync(path).size + statSync(`${path}-wal`).size;
  return counted(file(path, { durability }), size, async () => rmSync(folder, { recursive: true }));
}

export async function onRedis(server: RedisServer): Promise<Store> {
  const client = createClient({ url: server.url });
  await client.connect();
  const size = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
  return counted(redis(client, { prefix: 'shop:' }), size, () => client.close());
}

/** Resolves when the writes of `staleIfError`, which follow the response, have ended. */
export async function settled(store: Store): Promise<void> {
  for (let seen = -1; seen !== store.operations(); await sleep(40)) seen = store.operations();
}

export function counted(
  storage: Storage,
  size: Store['size'] = async () => 0,
  end: () => Promise<void> = async () => {},
): Store {
  let operations = 0;
  return {
    storage: {
      get: (key) => ((operations += 1), storage.get(key)),
      set: (key, value, options) => ((operations += 1), storage.set(key, value, options)),
      delete: (key, options) => ((operations += 1), storage.delete(key, options)),
      close: () => storage.close(),
    },
    operations: () => operations,
    size,
    async [Symbol.asyncDispose]() {
      await storage.close();
      await end();
    },
  };
}

/** Makes calls, so many at a time, each with its body read. */
export async function make(calls: number, call: (n: number) => Promise<Response>, atOnce = 32): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let n = next++; n < calls; n = next++) await (await call(n)).text();
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** The CPU time that a Redis has used, s. */
export async function cpuOf(store: { info: (section: string) => Promise<string> }): Promise<number> {
  const info = await store.info('cpu');
  const seconds = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)![1]);
  return seconds('used_cpu_user') + seconds('used_cpu_sys');
}
