/** Callers that leave, that call twice, and that drop what waits. */
import { IdempotencyError, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { deferred, reasonOf } from '../support/promises.ts';
import { until } from '../support/origin.ts';
import { outcomesOf, shop, type Shop } from './shop.ts';

let world: Shop;
beforeEach(async () => {
  world = await shop();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('a caller that aborts', () => {
  test.each(['before the request is written down', 'while it is written down'])('%s sends nothing', async (when) => {
    const own = new AbortController();
    const slow: Storage = {
      ...world.storage,
      async set(...args) {
        if (when.startsWith('while')) own.abort('left');
        return world.storage.set(...args);
      },
    };
    const { box, post } = world.open({ storage: slow });
    const left = reasonOf(post('one', { signal: own.signal }));
    if (when.startsWith('before')) own.abort('left');
    expect(await left).toBe('left');
    await vi.waitFor(async () => expect(await box.waiting()).toEqual([]));
    expect((await post('two')).status).toBe(201);
    expect(world.server.executed).toEqual(['two']);
  });

  test('while the request waits for its turn sends nothing', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'hang';
    const first = post('one');
    await until(() => server.arrivals.length === 1);
    const own = new AbortController();
    const left = reasonOf(post('two', { signal: own.signal }));
    await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(2));
    own.abort('left');
    expect(await left).toBe('left');
    server.state = 'up';
    server.reset();
    expect((await first).status).toBe(202);
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['one']);
  });

  test('while the request is on its way keeps nothing, and those behind it go on', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'hang';
    const own = new AbortController();
    const left = reasonOf(post('one', { signal: own.signal }));
    await until(() => server.arrivals.length === 1);
    const second = post('two');
    server.state = 'up';
    own.abort('left');
    expect(await left).toBe('left');
    expect((await second).status).toBe(201);
    expect(await box.waiting()).toEqual([]);
    expect(server.executed).toEqual(['two']);
  });

  test('while its body is read lets those behind it go on', async () => {
    const { api, post } = world.open();
    const own = new AbortController();
    const endless = { method: 'POST', body: new ReadableStream(), duplex: 'half', signal: own.signal } as RequestInit;
    const left = reasonOf(api(new Request(world.url, endless), { requestId: 'endless' }));
    const next = post('next');
    own.abort('left');
    expect(await left).toBe('left');
    expect((await next).status).toBe(201);
    expect(world.server.executed).toEqual(['next']);
  });

  test('after the 202 takes nothing back', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    const own = new AbortController();
    expect((await post('one', { signal: own.signal })).status).toBe(202);
    own.abort();
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['one']);
  });

  test.each(['while it waits', 'on its way'])(
    'and repeats a request that was kept does not take back what the first was promised: %s',
    async (when) => {
      const { server } = world;
      const { box, post } = world.open({ backoff: () => 0 });
      server.state = 'down';
      expect((await post('one')).status).toBe(202);
      server.state = 'hang';
      if (when === 'while it waits') void post('zero');
      const own = new AbortController();
      const left = reasonOf(post('one', { signal: own.signal }));
      await until(() => server.arrivals.length > 0);
      own.abort('left');
      expect(await left).toBe('left');
      server.state = 'up';
      server.reset();
      await vi.waitFor(async () => expect(await box.flush()).toBe(0));
      expect(server.executed).toContain('one');
    },
  );

  test('leaves no request behind when the storage fails to take it off', async () => {
    const { server } = world;
    let isFull = false;
    const failing: Storage = {
      ...world.storage,
      set: (...args) => (isFull ? Promise.reject(new Error('full')) : world.storage.set(...args)),
    };
    const { box, post } = world.open({ storage: failing });
    server.state = 'hang';
    void post('one');
    await until(() => server.arrivals.length === 1);
    const own = new AbortController();
    const left = reasonOf(post('two', { signal: own.signal }));
    await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(2));
    isFull = true;
    own.abort('left');
    expect(await left).toBe('left');
    isFull = false;
    server.state = 'up';
    server.reset();
    await vi.waitFor(async () => expect(await box.flush()).toBe(0));
    expect(server.executed).toEqual(['one']);
  });
});

describe('calls with the same requestId', () => {
  test('are executed once when they are made at once', async () => {
    const { server } = world;
    const { box, post } = world.open({ wait: 60_000 });
    const responses = await Promise.all([post('one'), post('one'), post('one')]);
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(server.executed).toEqual(['one']);
    expect(new Set(server.keys)).toEqual(new Set(['one']));
    expect(await box.waiting()).toEqual([]);
  });

  test('wait in one entry while there is no network', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    const responses = await Promise.all([post('one'), post('one')]);
    expect(responses.map(({ status }) => status)).toEqual([202, 202]);
    expect(await box.waiting()).toHaveLength(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.keys).toEqual(['one']);
  });

  test('get the response of the server when an earlier one was kept', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    server.state = 'up';
    await box.flush();
    const again = await post('one');
    expect([again.status, again.headers.get('idempotency-replayed'), await again.json()]).toEqual([
      201,
      'true',
      { key: 'one' },
    ]);
    expect(server.keys).toEqual(['one']);
  });

  test.each(['while the first waits', 'after the first is settled'])(
    'are a mismatch with another body: %s',
    async (when) => {
      const { server } = world;
      const { box, post } = world.open();
      server.state = 'down';
      await post('one');
      server.state = 'up';
      if (when.startsWith('after')) await box.flush();
      const reason = await reasonOf(post('other', { requestId: 'one' }));
      expect(reason).toBeInstanceOf(IdempotencyError);
      expect(reason).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
      await box.flush();
      expect(server.executed).toEqual(['one']);
    },
  );

  test('of another user get nothing of the first, and are not sent as those of the first', async () => {
    const { server } = world;
    let user = 'ada';
    const { box, post } = world.open({ user: () => user });
    server.state = 'down';
    await post('one');
    user = 'bob';
    expect(await reasonOf(post('one'))).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    user = 'ada';
    server.state = 'up';
    await box.flush();
    user = 'bob';
    expect(await reasonOf(post('one'))).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(server.executed).toEqual(['one']);
  });

  test('are in the lane of the first', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one', { outbox: { lane: () => 'a' } });
    server.state = 'up';
    await box.flush();
    server.state = 'down';
    await post('two', { outbox: { lane: () => 'a' } });
    server.state = 'up';
    const again = await post('two', { outbox: { lane: () => 'b', wait: 60_000 } });
    expect(again.status).toBe(202); // it pauses, for both
    expect(await box.flush()).toBe(0);
    expect(server.keys).toEqual(['one', 'two']);
  });
});

describe('drop', () => {
  test('takes off a request whose caller waits for its turn, and rejects that caller', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'hang';
    const first = post('one');
    await until(() => server.arrivals.length === 1);
    const second = reasonOf(post('two'));
    await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(2));
    expect(await box.drop('two')).toBe(true);
    expect(await second).toMatchObject({ name: 'AbortError' });
    server.state = 'up';
    server.reset();
    expect((await first).status).toBe(202);
    await box.flush();
    expect(server.executed).toEqual(['one']);
  });

  test('lets a request that is on its way arrive, and keeps it no longer', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'hang';
    const call = reasonOf(post('one'));
    await until(() => server.arrivals.length === 1);
    expect(await box.drop('one')).toBe(true);
    server.reset();
    expect(await call).toMatchObject({ name: 'AbortError' });
    expect(await box.waiting()).toEqual([]);
    expect(await box.flush()).toBe(0);
    expect(server.arrivals).toHaveLength(1);
  });

  test('forgets what was sent for no caller, so that its id can be used again', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    const arrived = deferred();
    const held = deferred();
    server.state = (_, response) => {
      arrived.resolve();
      void held.promise.then(() => response.writeHead(200).end('old'));
    };
    const flushed = box.flush();
    await arrived.promise;
    expect(await box.drop('one')).toBe(true);
    held.resolve();
    await flushed;
    server.state = 'up';
    expect((await post('other', { requestId: 'one' })).headers.has('idempotency-replayed')).toBe(false);
    expect(server.executed).toEqual(['other']);
  });

  test('forgets an outcome', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    await post('two');
    server.state = 'up';
    await box.flush();
    expect(await box.drop('one')).toBe(true);
    expect(await box.drop('one')).toBe(false);
    expect(await outcomesOf(box, 1)).toEqual([['two', 201]]);
  });

  test('of one that pauses lets those behind it go on', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    await post('two');
    server.state = 'up';
    await box.drop('one');
    expect(await outcomesOf(box, 1)).toEqual([['two', 201]]);
    expect(server.executed).toEqual(['two']);
  });

  test('of an unknown one changes nothing', async () => {
    expect(await world.open().box.drop('none')).toBe(false);
  });
});

test('requests are in the order of their calls, although a form takes longer to read than a text', async () => {
  const { server } = world;
  const { box, post } = world.open();
  const form = new FormData();
  for (let n = 0; n < 20; n += 1) form.set(`file ${n}`, new Blob([new Uint8Array(2_000)]), 'photo.jpg');
  const own = new AbortController();
  server.state = 'down';
  const calls = [
    post('form', { body: form }),
    post('text'),
    reasonOf(post('refused', { body: 'x'.repeat(100_000) })),
    reasonOf(post('left', { body: new Blob(['x']), signal: own.signal })),
    post('last', { body: new Blob(['x']) }),
  ];
  own.abort();
  await Promise.all(calls);
  expect((await box.waiting()).map(({ id }) => id)).toEqual(['form', 'text', 'last']);
  server.state = 'up';
  expect(await box.flush()).toBe(0);
  expect(server.keys).toEqual(['form', 'text', 'last']);
});

test('a lane of five hundred is sent in order, and a lane beside it does not wait', async () => {
  const { server } = world;
  const { box, api, post } = world.open({ lane: ({ url }) => url });
  server.state = 'down';
  const bodies = Array.from({ length: 500 }, (_, n) => `${n}`);
  const kept = [];
  for (const body of bodies) kept.push(post(body)); // the order of the calls
  expect(new Set((await Promise.all(kept)).map(({ status }) => status))).toEqual(new Set([202]));
  server.state = ({ path }) => (path === '/orders' ? 503 : 'up');
  const beside = { method: 'POST', body: 'beside', requestId: 'beside' };
  expect((await api(`${server.url}/beside`, beside)).status).toBe(201);
  await box.flush();
  expect(await box.waiting()).toHaveLength(500);
  server.state = 'up';
  expect(await box.flush()).toBe(0);
  expect(server.executed).toEqual(['beside', ...bodies]);
}, 30_000);
