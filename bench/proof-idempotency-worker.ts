/** One of the processes that bench/proof-idempotency.ts kills: makes its calls, and tells what each was answered with. */
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
  /** Request ids, one for each call. */
  readonly calls: readonly { readonly call: number; readonly id: string }[];
  readonly lanes: number;
  /** Before each call of a lane, on average, ms. */
  readonly pause: number;
  readonly lease: number | undefined;
}

export interface Answered {
  readonly call: number;
  readonly id: string;
  readonly answer: string;
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
      const answer = await response.text();
      if (!response.ok) throw new Error(`${id} was answered with ${response.status}: ${answer}`);
      const replayed = response.headers.has('idempotency-replayed');
      process.send!({ call, id, answer, replayed } satisfies Answered);
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
