/** A client process of bench/proof-idempotency.ts, which may kill it. It makes its calls and reports each response. */
import { createClient } from 'redis';

import { file } from '../adapters/storage/file.ts';
import { redis } from '../adapters/storage/redis.ts';
import type { Storage } from '../src/core/storage.ts';
import { createFetch } from '../src/fetch.ts';
import { idempotency } from '../src/middleware/idempotency/idempotency.ts';
import { retry } from '../src/middleware/retry.ts';

export interface Task {
  readonly storage: { readonly kind: 'file' | 'redis'; readonly place: string };
  readonly url: string;
  /** The calls to make, each with its request id. */
  readonly calls: readonly { readonly call: number; readonly id: string }[];
  /** Calls in flight. */
  readonly lanes: number;
  /** The average pause before each call of a lane, ms. */
  readonly pause: number;
  readonly lease: number | undefined;
}

export interface Result {
  readonly call: number;
  readonly id: string;
  /** The body of the response. */
  readonly body: string;
  readonly replayed: boolean;
}

process.once('message', (task) => void work(task as Task));
process.send!('ready');

async function work({ storage: { kind, place }, url, calls, lanes, pause, lease }: Task): Promise<void> {
  const { storage, close } = kind === 'file' ? onFile(place) : await onRedis(place);
  const fetch = createFetch({ storage, use: [idempotency(lease === undefined ? {} : { lease }), retry()] });
  const left = calls.values();

  const lane = async (): Promise<void> => {
    for (const { call, id } of left) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * pause));
      const response = await fetch(url, { method: 'POST', body: `a ticket for ${id}`, requestId: id });
      const body = await response.text();
      if (!response.ok) throw new Error(`The response to ${id} has status ${response.status}: ${body}`);
      const replayed = response.headers.has('idempotency-replayed');
      process.send!({ call, id, body, replayed } satisfies Result);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await close();
  process.disconnect();
}

interface Opened {
  readonly storage: Storage;
  readonly close: () => Promise<void>;
}

function onFile(path: string): Opened {
  const storage = file(path);
  return { storage, close: () => storage.close() };
}

async function onRedis(url: string): Promise<Opened> {
  const client = createClient({ url });
  await client.connect();
  return { storage: redis(client), close: async () => client.destroy() };
}
