/**
 * One process of an app that makes orders. It notes each order and its outcome in a file, which survives its end. Some of its
 * lanes wait for each response, and others do not.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { file } from '../../adapters/storage/file.ts';
import { redis } from '../../adapters/storage/redis.ts';
import kyoa, { exponential, StorageError, type Storage } from '../../src/index.ts';
import { outbox } from '../../src/outbox.ts';
import { random } from '../lib/simulate.ts';
import type { Order } from './ledger.ts';

export interface Task {
  readonly storage: { readonly kind: 'file' | 'redis'; readonly place: string };
  readonly url: string;
  readonly lease: number;
  readonly keep: number;
  readonly seed: number;
  /** The mean pause between two orders of a lane, ms. */
  readonly pause: number;
}

/** A line of the notes. Without an outcome: the call was made. */
export interface Note {
  readonly id: string;
  readonly status?: number;
  /** The number of the execution, in the response. */
  readonly n?: number;
  readonly error?: string;
}

/** `notes`: makes orders, and notes them in this file. `stop`: makes none. `measure`: reports its figures. */
export type Command = { readonly notes: string } | 'stop' | 'measure';

export type Report = { readonly idle: boolean } | { readonly heap: number; readonly handles: number };

export const lanes: readonly { readonly name: string; readonly inFlight: number }[] = [
  { name: 'tea', inFlight: 1 },
  { name: 'coffee', inFlight: 4 },
  { name: 'cocoa', inFlight: 4 },
];

export async function open({ kind, place }: Task['storage']): Promise<Storage & AsyncDisposable> {
  if (kind === 'file') {
    const storage = file(place, { durability: 'process' });
    return Object.assign(storage, { [Symbol.asyncDispose]: () => storage.close() });
  }
  const { createClient } = await import('redis'); // half of the start of a process
  const client = createClient({ url: place, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {});
  await client.connect();
  return Object.assign(redis(client), { [Symbol.asyncDispose]: async () => client.destroy() });
}

if (import.meta.main) {
  const { storage: where, url, lease, keep, seed, pause } = JSON.parse(process.argv[2]!) as Task;
  const chance = random(seed);
  const box = outbox({
    lane: (ctx) => new URL(ctx.url).pathname,
    lease,
    keep,
    wait: 2_000,
    backoff: exponential(50, 400),
  });
  const api = kyoa.extend({
    storage: await open(where),
    use: (stack) => [box, ...stack],
    timeout: { total: 10_000, headers: 5_000 },
    idempotency: { ttl: 60_000 },
    throwHttpErrors: false,
  });
  let notes: string | undefined;
  let round = 0;
  let unresolved = 0;

  const press = async (order: Order, path: string): Promise<void> => {
    const id = `${order.from}-${order.lane}-${order.n}`;
    const note = (outcome: Omit<Note, 'id'>): void =>
      appendFileSync(path, `${JSON.stringify({ id, ...outcome } satisfies Note)}\n`);
    note({});
    unresolved += 1;
    try {
      const response = await api.post(`${url}/${order.lane}`, { json: order, requestId: id });
      const body = (await response.json().catch(() => ({}))) as { readonly n?: number };
      note({ status: response.status, ...(response.status === 201 && { n: body.n! }) });
    } catch (error) {
      note({ error: error instanceof StorageError ? 'StorageError' : String(error) });
    }
    unresolved -= 1;
  };
  const lane = async ({ name, inFlight }: (typeof lanes)[number]): Promise<void> => {
    const mine = round;
    const path = notes!;
    const calls = new Set<Promise<void>>();
    for (let n = 1; notes !== undefined && round === mine; n += 1) {
      const from = `${process.pid}.${mine}`;
      const call = press({ from, lane: name, n }, path).finally(() => calls.delete(call));
      calls.add(call);
      if (calls.size >= inFlight) await Promise.race(calls);
      await sleep(2 * pause * chance());
    }
  };

  process.on('disconnect', () => process.exit());
  process.on('message', (command: Command) => {
    if (command === 'measure') {
      globalThis.gc!();
      const handles = process.getActiveResourcesInfo().length;
      process.send!({ heap: process.memoryUsage().heapUsed, handles } satisfies Report);
    } else if (command === 'stop') notes = undefined;
    else {
      ({ notes } = command);
      round += 1;
      for (const one of lanes) void lane(one);
    }
  });
  setInterval(() => process.send!({ idle: notes === undefined && unresolved === 0 } satisfies Report), 50);
}
