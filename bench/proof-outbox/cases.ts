/** What a replay meets, each with a real server: a 400, a 503, a 401, and a client whose user has changed. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { file } from '../../adapters/storage/file.ts';
import kyoa, { auth, constant, type Middleware, type Storage } from '../../src/index.ts';
import { outbox, type Outbox, type OutboxOptions } from '../../src/outbox.ts';
import { until } from './processes.ts';

interface Seen {
  readonly id: string;
  readonly token: string | undefined;
  readonly status: number;
}

interface Shop {
  /** `undefined`: the connection is cut. */
  status: (id: string, token: string | undefined) => number | undefined;
  /** Requests that got a response. */
  readonly seen: Seen[];
  readonly storage: Storage;
  open(inside?: readonly Middleware[], options?: OutboxOptions): Client;
}

interface Client {
  readonly box: Outbox;
  /** Resolves to the status, or to the error. */
  readonly order: (id: string) => Promise<number | string>;
}

type Case = (shop: Shop) => Promise<readonly [actual: unknown, expected: unknown]>;

export const cases: Readonly<Record<string, Case>> = {
  async 'a 400 in front does not block those behind'(shop) {
    const { box, order } = shop.open();
    await all(['a', 'b', 'c'], order);
    shop.status = (id) => (id === 'a' ? 400 : 201);
    await until(async () => (await box.waiting()).length === 0, 10, 'nothing waits');
    const outcomes: unknown[] = [];
    for await (const { id, response } of box.settled()) if (outcomes.push([id, response?.status]) === 3) break;
    return [
      [statuses(shop), outcomes],
      [
        'a 400, b 201, c 201',
        [
          ['a', 400],
          ['b', 201],
          ['c', 201],
        ],
      ],
    ];
  },

  async 'a 503 stays, and so do a 429 and a cut connection'(shop) {
    const { box, order } = shop.open();
    await all(['a', 'b'], order);
    const next = [503, 429, undefined, 500, 201, 201];
    shop.status = () => next.shift();
    await until(async () => (await box.waiting()).length === 0, 20, 'nothing waits');
    return [statuses(shop), 'a 503, a 429, a 500, a 201, b 201'];
  },

  async 'a 401 waits, and goes on after auth has renewed'(shop) {
    let canRenew = false;
    const session = auth({
      storage: shop.storage,
      renew: async () => {
        if (!canRenew) throw new TypeError('fetch failed'); // the token server is away
        return { access: 'new' };
      },
    });
    await session.set({ access: 'old' });
    const { box, order } = shop.open([session]);
    await all(['a', 'b'], order);
    shop.status = (_id, token) => (token === 'Bearer new' ? 201 : 401);
    await until(() => shop.seen.length > 2, 10, 'some tries were refused');
    const waiting = (await box.waiting()).map(({ id }) => id);
    canRenew = true;
    await until(async () => (await box.waiting()).length === 0, 10, 'nothing waits');
    const accepted = shop.seen.filter(({ status }) => status === 201).map(({ id }) => id);
    return [
      [waiting, accepted],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
    ];
  },

  async 'a 401 of a user who was signed out waits for the next sign-in'(shop) {
    const session = auth({ storage: shop.storage, renew: async () => undefined });
    await session.set({ access: 'old' });
    const { box, order } = shop.open([session]);
    await all(['a'], order);
    shop.status = (_id, token) => (token === 'Bearer new' ? 201 : 401);
    await until(() => shop.seen.length > 2, 10, 'some tries were refused');
    const waiting = (await box.waiting()).length;
    await session.set({ access: 'new' });
    await sleep(1_000);
    const last = shop.seen.at(-1)!;
    // Without `key`, each sign-in may be that of another user: then the order waits on.
    return [
      [waiting, last.status === 201 ? 'Bearer new' : (await box.waiting()).length],
      [1, 1],
    ];
  },

  async "another user's entries are never sent as this one's"(shop) {
    let user = 'ada';
    const session = auth({ storage: shop.storage, key: () => user, renew: async () => undefined });
    await session.set({ access: 'of-ada' }, 'ada');
    await session.set({ access: 'of-bob' }, 'bob');
    const { box, order } = shop.open([session]);
    await all(['ada-1', 'ada-2'], order);
    user = 'bob';
    await all(['bob-1'], order);
    shop.status = () => 201;
    await box.flush();
    await until(() => shop.seen.length > 0, 10, 'that of bob is sent');
    await sleep(500); // the tries of ada's
    const asBob = [...shop.seen];
    user = 'ada';
    await until(async () => (await box.waiting()).length === 0, 10, 'nothing waits');
    const own = ({ id, token }: Seen): boolean => token === `Bearer of-${id.slice(0, 3)}`;
    return [
      [asBob.map(({ id }) => id), shop.seen.length, shop.seen.every(own)],
      [['bob-1'], 3, true],
    ];
  },

  async 'a user who is changed while a replay is on its way sends it once more as himself'(shop) {
    let user = 'ada';
    const session = auth({ storage: shop.storage, key: () => user, renew: async () => undefined });
    await session.set({ access: 'of-ada' }, 'ada');
    await session.set({ access: 'of-bob' }, 'bob');
    const changing: Middleware = async (_ctx, next) => {
      user = user === 'ada' ? 'bob' : 'ada'; // between the check of the outbox and auth
      return next();
    };
    const { box, order } = shop.open([changing, session]);
    await all(['ada-1'], order);
    shop.status = () => 201;
    for (let n = 0; n < 10; n += 1) {
      user = 'ada';
      await box.flush();
    }
    const own = ({ token }: Seen): boolean => token === 'Bearer of-ada';
    return [shop.seen.every(own), true];
  },
};

/** Resolves to the faults. */
export async function runCases(): Promise<string[]> {
  const faults: string[] = [];
  for (const [title, run] of Object.entries(cases)) {
    const opened: Outbox[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
    const storage = file(join(folder, 'outbox.db'), { durability: 'process' });
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        const { 'idempotency-key': key, authorization: token } = request.headers;
        const status = shop.status(String(key), token);
        if (status === undefined) return void request.socket.destroy();
        shop.seen.push({ id: String(key), token, status });
        return void response.writeHead(status).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
    const shop: Shop = {
      status: () => undefined,
      seen: [],
      storage,
      open(inside = [], options = {}) {
        const box = outbox({ backoff: constant(100), ...options });
        opened.push(box);
        const api = kyoa.extend({
          storage,
          use: (stack) => [box, ...inside, ...stack],
          throwHttpErrors: false,
          retry: 0,
          breaker: false,
        });
        const order = (id: string): Promise<number | string> =>
          api.post(url, { json: { id }, requestId: id }).then(({ status }) => status, String);
        return { box, order };
      },
    };
    try {
      const [actual, expected] = (await run(shop)).map((value) => JSON.stringify(value));
      if (actual !== expected) faults.push(`${title}: ${actual}, not ${expected}`);
    } catch (error) {
      faults.push(`${title}: ${String(error)}`);
    }
    for (const box of opened) box.close();
    server.closeAllConnections();
    server.close();
    await storage.close();
    rmSync(folder, { recursive: true });
    console.log(`${faults.at(-1)?.startsWith(title) ? 'FAULT' : 'ok   '} ${title}`);
  }
  return faults;
}

/** All of them are kept: the server is away. */
async function all(ids: readonly string[], order: Client['order']): Promise<void> {
  for (const id of ids) {
    const status = await order(id);
    if (status !== 202) throw new Error(`${id} got ${status}, not a 202`);
  }
}

function statuses({ seen }: Shop): string {
  return seen.map(({ id, status }) => `${id} ${status}`).join(', ');
}
