/** What an outbox does with its storage: shared, slow, failing, full, of another time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { memory, StorageError, type Storage } from 'kyoa';
import { file } from 'kyoa/file';
import { OutboxError } from 'kyoa/outbox';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { deferred, delayed, reasonOf } from '../support/promises.ts';
import { settled, until } from '../support/origin.ts';
import { outcomesOf, shop, type Shop } from './shop.ts';

let world: Shop;
let folder: string;
beforeEach(async () => {
  world = await shop();
  folder = mkdtempSync(join(tmpdir(), 'kyoa-outbox-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A storage whose verbs take `ms`, before and after their work. */
const slow = (storage: Storage, ms: () => number): Storage => ({
  get: async (...args) => {
    await delayed(null, ms());
    return delayed(await storage.get(...args), ms());
  },
  set: async (...args) => {
    await delayed(null, ms());
    return delayed(await storage.set(...args), ms());
  },
  delete: async (...args) => {
    await delayed(null, ms());
    return delayed(await storage.delete(...args), ms());
  },
  close: () => storage.close(),
});

test.each(['memory', 'file'])('two outboxes on one storage, %s, send each request once and in order', async (kind) => {
  const { server } = world;
  const open = (): Storage => (kind === 'file' ? file(join(folder, 'box.db')) : world.storage);
  const storages = [open(), open()];
  const tills = storages.map((storage) => world.open({ wait: 60_000 }, [], storage));
  server.state = 'down';
  for (let n = 0; n < 20; n += 1) await tills[n % 2]!.post(`${n}`);
  server.state = 'up';
  const now = tills.map(({ post }, n) => post(`now ${n}`));
  await Promise.all(tills.map(({ box }) => box.flush()));
  expect((await Promise.all(now)).map(({ status }) => status)).toEqual([201, 201]);
  expect(server.executed.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
  expect(server.arrivals).toHaveLength(22);
  // Each sees all outcomes, also those of requests that the other one has sent.
  for (const { box } of tills) expect(await outcomesOf(box, 20)).toHaveLength(20);
  for (const { box } of tills) box.close();
  await vi.waitFor(async () => expect(await tills[0]!.box.waiting()).toEqual([]));
  if (kind === 'file') for (const storage of storages) await storage.close();
});

test('a request that comes while another one ends is sent once, over a storage that takes its time', async () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const storage = slow(world.storage, () => random() * 6);
  const { post } = world.open({ storage, wait: 60_000 });
  const all = Array.from(
    { length: 80 },
    async (_, n) => (await delayed(null, random() * 1_500), (await post(`${n}`)).status),
  );
  expect(new Set(await Promise.all(all))).toEqual(new Set([201]));
  expect(world.server.arrivals).toHaveLength(80);
}, 30_000);

test('a request that is listed while its lane looks for the last time is sent once', async () => {
  const { server } = world;
  const [held, listed] = [deferred(), deferred()];
  let looks = -Infinity;
  const storage: Storage = {
    ...world.storage,
    async get(key) {
      const found = await world.storage.get(key);
      if (key !== 'outbox ["outbox"]') return found;
      looks += 1;
      if (looks !== 2) return found; // the first one is for the change of the list
      held.resolve();
      await listed.promise;
      return found;
    },
  };
  const { post } = world.open({ storage });
  server.state = () => {
    if (looks < 0) looks = 0;
    return 'up';
  };
  await post('one');
  await held.promise;
  const two = post('two');
  await settled();
  listed.resolve();
  expect((await two).status).toBe(201);
  await settled();
  expect(server.keys).toEqual(['one', 'two']);
});

test('outboxes with other names, and on other storages, do not see each other', async () => {
  const [one, other] = [world.open(), world.open({ name: 'drafts' })];
  world.server.state = 'down';
  await one.post('one');
  expect(await other.box.waiting()).toEqual([]);
  await world.open({ storage: memory() }).post('one'); // no mismatch
  expect(await one.box.waiting()).toHaveLength(1);
});

describe('a storage that fails', () => {
  /** Fails the calls of a verb from now on. */
  const failing = (storage: Storage) => {
    const broken = new Set<string>();
    const failed: string[] = [];
    const checked = <Result>(verb: string, run: () => Promise<Result>): Promise<Result> => {
      if (!broken.has(verb)) return run();
      failed.push(verb);
      return Promise.reject(new StorageError('down'));
    };
    const failing: Storage = {
      ...storage,
      get: (...args) => checked('get', () => storage.get(...args)),
      set: (...args) => checked('set', () => storage.set(...args)),
      delete: (...args) => checked('delete', () => storage.delete(...args)),
    };
    return { broken, failed, storage: failing };
  };

  test.each(['get', 'set'])('at %s rejects the call before anything is sent', async (verb) => {
    const { broken, storage } = failing(world.storage);
    const { box, post } = world.open({ storage });
    broken.add(verb);
    expect(await reasonOf(post('one'))).toBeInstanceOf(StorageError);
    broken.clear();
    expect(await box.waiting()).toEqual([]);
    expect((await post('one')).status).toBe(201);
    expect(world.server.executed).toEqual(['one']);
  });

  test('at get rejects what asks it, and no timer of the outbox', async () => {
    const { broken, storage } = failing(world.storage);
    const { box } = world.open({ storage });
    broken.add('get');
    for (const asked of [box.waiting(), box.flush(), box.drop('one'), box.settled().next()])
      expect(await reasonOf(asked)).toBeInstanceOf(StorageError);
  });

  test('at delete changes nothing for a call', async () => {
    const { broken, storage } = failing(world.storage);
    const { box, post } = world.open({ storage, lease: 300 });
    broken.add('delete');
    expect((await post('one')).status).toBe(201);
    broken.clear();
    expect(await box.waiting()).toEqual([]);
  });

  test.each(['get', 'set', 'delete'])(
    'at %s while a request is on its way does not have it sent again',
    async (verb) => {
      const { server } = world;
      const { broken, failed, storage } = failing(world.storage);
      const { box, post } = world.open({ storage, lease: 300 });
      server.state = () => {
        broken.add(verb);
        return 'up';
      };
      expect((await post('one')).status).toBe(201);
      await until(() => failed.length > 0);
      broken.clear();
      await vi.waitFor(async () => expect(await box.flush()).toBe(0), 5_000);
      expect(server.keys).toEqual(['one']);
    },
  );

  test.each(['get', 'set', 'delete'])(
    'at %s while a replay is on its way does not have it sent again',
    async (verb) => {
      const { server } = world;
      const { broken, failed, storage } = failing(world.storage);
      const { box, post } = world.open({ storage, lease: 300 });
      server.state = 'down';
      await post('one');
      server.state = () => {
        broken.add(verb);
        return 'up';
      };
      void box.flush().catch(() => {});
      await until(() => failed.length > 0);
      broken.clear();
      await vi.waitFor(async () => expect(await box.flush()).toBe(0), 5_000);
      expect(server.keys).toEqual(['one']);
      expect(await outcomesOf(box, 1)).toEqual([['one', 201]]);
    },
  );

  test('for lack of room keeps the outcome of a request without its body', async () => {
    const { server } = world;
    const small: Storage = {
      ...world.storage,
      async set(key, value, options) {
        if (value.length > 2_000) throw new StorageError('full');
        return world.storage.set(key, value, options);
      },
    };
    const { box, post } = world.open({ storage: small });
    server.state = 'down';
    await post('one');
    server.state = (_, response) => void response.writeHead(200, { etag: '"a"' }).end('x'.repeat(10_000));
    expect(await box.flush()).toBe(0);
    for await (const { response } of box.settled()) {
      expect([response?.status, response?.headers.get('etag'), await response?.text()]).toEqual([200, '"a"', '']);
      break;
    }
    expect(server.arrivals).toHaveLength(1);
  });

  test.each<[how: string, damage: (text: string) => string]>([
    ['is truncated', (text) => text.slice(0, 40)],
    ['has no URL that a request can have', (text) => text.replace(/"url":"[^"]*"/, '"url":"http://"')],
    ['has an option that is refused', (text) => text.replace('"options":{', '"options":{"deadline":"soon"')],
  ])('that %s for one request settles it as failed, and sends those after it', async (_, damage) => {
    const { server, storage } = world;
    const { box, post } = world.open();
    server.state = 'down';
    for (const id of ['1', '2', '3']) await post(id);
    const key = 'outbox entry ["outbox","1"]';
    const { value } = (await storage.get(key))!;
    expect(damage(value)).not.toBe(value);
    await storage.set(key, damage(value));
    server.state = 'up';
    await box.flush();
    expect(server.executed).toEqual(['2', '3']);
    expect(await outcomesOf(box, 3)).toEqual([
      ['1', 'OUTBOX_FAILED'],
      ['2', 201],
      ['3', 201],
    ]);
    expect(await box.waiting()).toEqual([]);
  });

  test('that was emptied holds up nothing', async () => {
    const { box, post } = world.open();
    world.server.state = 'down';
    await post('one');
    await world.storage.delete('outbox entry ["outbox","one"]');
    await post('two');
    world.server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(world.server.executed).toEqual(['two']);
  });
});

describe('keep', () => {
  const travel = (ms: number): void => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });

  test('over, a request is tried once more, and then settled as expired', async () => {
    const { server } = world;
    const { box, post } = world.open({ keep: 60_000 });
    server.state = 'down';
    await post('late');
    await post('lost');
    travel(3_600_000);
    server.state = ({ key }) => (key === 'late' ? 'up' : 503);
    expect(await box.flush()).toBe(0);
    expect(await outcomesOf(box, 2)).toEqual([
      ['late', 201],
      ['lost', 'OUTBOX_EXPIRED'],
    ]);
    // It may be sent again.
    server.state = 'up';
    expect((await post('lost')).status).toBe(201);
  });

  test('of Infinity, and a pause of Infinity, have no end', async () => {
    const { server } = world;
    const { box, post } = world.open({ keep: Infinity, backoff: () => Infinity });
    server.state = 'down';
    await post('one');
    await post('two');
    travel(10 * 365 * 86_400_000);
    server.state = 503;
    expect(await box.flush()).toBe(2);
    expect(server.arrivals).toHaveLength(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['one', 'two']);
  });
});

test('limit refuses a further call before anything is sent, and takes one again when there is room', async () => {
  const { server } = world;
  const { box, post } = world.open({ limit: 2 });
  server.state = 'down';
  await post('one');
  await post('two');
  server.state = 'up';
  const reason = await reasonOf(post('three'));
  expect(reason).toBeInstanceOf(OutboxError);
  expect(reason).toMatchObject({ code: 'OUTBOX_FULL', message: expect.stringContaining('raise limit') as string });
  expect(server.executed).toEqual([]);
  expect(await world.storage.get('outbox entry ["outbox","three"]')).toBeUndefined();
  await box.drop('one');
  expect([200, 201, 202]).toContain((await post('three')).status);
});

test('of the outcomes the last hundred are kept, and nothing of the others', async () => {
  const { server } = world;
  const { box, post } = world.open();
  server.state = 'down';
  for (let n = 0; n < 103; n += 1) await post(`${n}`);
  server.state = 'up';
  await box.flush();
  const ids = ((await outcomesOf(box, 100)) as [string][]).map(([id]) => id);
  expect(ids).toEqual(Array.from({ length: 100 }, (_, n) => `${n + 3}`));
  expect(await world.storage.get('outbox entry ["outbox","2"]')).toBeUndefined();
  expect(await world.storage.get('outbox entry ["outbox","3"]')).toBeDefined();
});

/** A storage, and what was last written to it. */
interface Recorded {
  readonly storage: Storage;
  readonly entries: Map<string, { readonly value: string; readonly ttl: number }>;
}

async function recorded(present?: Recorded['entries']): Promise<Recorded> {
  const storage = memory();
  const entries: Recorded['entries'] = new Map(present);
  for (const [key, { value, ttl }] of entries) await storage.set(key, value, { ttl });
  const set: Storage['set'] = async (key, value, options) => {
    const version = await storage.set(key, value, options);
    if (version !== undefined) entries.set(key, { value, ttl: options?.ttl ?? Infinity });
    return version;
  };
  const remove: Storage['delete'] = async (key, options) => {
    const wasThere = await storage.delete(key, options);
    if (wasThere) entries.delete(key);
    return wasThere;
  };
  return { storage: { ...storage, set, delete: remove }, entries };
}

/** The storage as a process sees it that is killed after so many writes. `end` resolves then. */
function killedAfter(writes: number, storage: Storage): { readonly storage: Storage; readonly end: Promise<void> } {
  const { promise: end, resolve } = deferred();
  let left = writes;
  const alive = <T>(run: () => Promise<T>, writes: number): Promise<T> => {
    left -= writes;
    if (left >= 0) return run();
    resolve();
    return new Promise(() => {});
  };
  return {
    end,
    storage: {
      get: (...args) => alive(() => storage.get(...args), 0),
      set: (...args) => alive(() => storage.set(...args), 1),
      delete: (...args) => alive(() => storage.delete(...args), 1),
      close: () => storage.close(),
    },
  };
}

test('a process that is killed between any two writes leaves no entry for longer than a minute', async () => {
  const { server } = world;
  const options = { lease: 60, lane: () => 'orders' };
  const before = await recorded();
  const filler = world.open(options, [], before.storage);
  server.state = 'down';
  for (let n = 0; n < 100; n += 1) await filler.post(`outcome ${n}`);
  server.state = 'up';
  expect(await filler.box.flush()).toBe(0);
  filler.box.close();

  for (let writes = 0, isWhole = false; !isWhole; writes += 1) {
    const { storage, entries } = await recorded(before.entries);
    const killed = killedAfter(writes, storage);
    const { box, post } = world.open(options, [], killed.storage);
    const live = async (): Promise<true> => {
      server.state = 'down';
      await post(`dropped ${writes}`);
      await post(`kept ${writes}`);
      await box.drop(`dropped ${writes}`);
      server.state = 'up';
      await box.flush();
      await post(`sent ${writes}`);
      return true;
    };
    isWhole = (await Promise.race([live(), killed.end])) === true;
    box.close();
    server.state = 'up';
    expect(await world.open(options, [], storage).box.flush()).toBe(0);
    const list = JSON.parse(entries.get('outbox ["outbox"]')!.value) as { settled: { id: string }[] };
    const outcomes = new Set(list.settled.map(({ id }) => `outbox entry ["outbox","${id}"]`));
    const lasting = [...entries].filter(([key, { ttl }]) => key.startsWith('outbox entry') && ttl > 60_000);
    expect([writes, lasting.map(([key]) => key).filter((key) => !outcomes.has(key))]).toEqual([writes, []]);
    expect(lasting.length).toBeGreaterThanOrEqual(99);
  }
}, 30_000);
