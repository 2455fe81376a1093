/** A client process of the proof, which is killed, stopped and has its clock set. It reports each response that a call gets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

import { file } from '../../adapters/storage/file.ts';
import { redis } from '../../adapters/storage/redis.ts';
import { StorageError, type KyoaError } from '../../src/core/errors.ts';
import type { Storage } from '../../src/core/storage.ts';
import { createFetch } from '../../src/fetch.ts';
import { idempotency } from '../../src/middleware/idempotency/idempotency.ts';
import { observe } from '../../src/middleware/observe.ts';

export interface Task {
  readonly storage: { readonly kind: 'file' | 'redis'; readonly place: string };
  readonly url: string;
  /** Calls in flight. */
  readonly lanes: number;
  readonly lease: number;
  /** A request id is called by all processes for about this long, ms. */
  readonly slot: number;
}

/** `ids`: makes one call for each of these and ends. `stop`: ends when the calls in flight have ended. */
export type Order = { readonly task: Task; readonly ids?: readonly string[] } | { readonly clock: number } | 'stop';

export type Report =
  | 'ready'
  /** `unrecorded`: the event that the response could not be stored was emitted. */
  | { readonly id: string; readonly body: string; readonly unrecorded: boolean }
  /** The storage failed, or has only that the request was executed: nothing was sent. */
  | { readonly id: string; readonly refused: string };

const report = (message: Report): unknown => process.send!(message);
const realNow = Date.now.bind(Date);
let isOver = false;

// Without a listener the signal would end the process whose disk is full.
process.on('SIGXFSZ', () => {});
process.on('message', (order: Order) => {
  if (order === 'stop') isOver = true;
  else if ('clock' in order) Date.now = () => realNow() + order.clock;
  else void work(order);
});
report('ready');

async function work({ task, ids }: Extract<Order, { readonly task: Task }>): Promise<void> {
  const { storage, close } = await open(task.storage);
  const left = ids?.values();
  const nextId = (): string | undefined =>
    left === undefined ? (isOver ? undefined : recentId(task.slot)) : left.next().value;

  const lane = async (): Promise<void> => {
    let unrecorded = false;
    const fetch = createFetch({
      storage,
      use: [
        observe((event) => (unrecorded ||= event.type === 'idempotency.unrecorded')),
        idempotency({ lease: task.lease }),
      ],
    });
    for (let id = nextId(); id !== undefined; id = nextId()) {
      unrecorded = false;
      try {
        const headers = { 'x-pid': String(process.pid) };
        const response = await fetch(task.url, { method: 'POST', body: `a ticket for ${id}`, requestId: id, headers });
        report({ id, body: await response.text(), unrecorded });
      } catch (error) {
        const isRefused = error instanceof StorageError || (error as KyoaError).code === 'IDEMPOTENCY_UNRECORDED';
        if (!isRefused) throw error;
        report({ id, refused: (error as KyoaError).message });
      }
      if (ids === undefined) await sleep(Math.random() * task.slot);
    }
  };
  await Promise.all(Array.from({ length: task.lanes }, lane));
  await close();
  process.disconnect();
}

/** The present slot or one of the three before, on a clock that the proof does not set. */
function recentId(slot: number): string {
  const now = performance.timeOrigin + performance.now();
  return `order-${Math.floor(now / slot) - Math.floor(4 * Math.random() ** 2)}`;
}

interface Opened {
  readonly storage: Storage;
  readonly close: () => Promise<void>;
}

async function open({ kind, place }: Task['storage']): Promise<Opened> {
  if (kind === 'file') {
    const storage = file(place, { durability: 'process' });
    return { storage, close: () => storage.close() };
  }
  const client = createClient({ url: place, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {}); // Redis is stopped and restarted
  await client.connect();
  return { storage: redis(client, { timeout: 500 }), close: async () => client.destroy() };
}
