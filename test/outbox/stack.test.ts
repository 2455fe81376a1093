/** An outbox among other policies, in stacks that change, and in a handler. */
import {
  auth,
  breaker,
  createFetch,
  createHandler,
  dedupe,
  idempotency,
  limit,
  memory,
  observe,
  retry,
  sign,
  standard,
  timeout,
  type KyoaEvent,
  type Middleware,
} from 'kyoa';
import { outbox, unreachable } from 'kyoa/outbox';
import { policy } from 'kyoa/policy';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { until } from '../support/origin.ts';
import { manualSource } from '../support/policy-source.ts';
import { deferred, reasonOf } from '../support/promises.ts';
import { outcomesOf, shop, type Shop } from './shop.ts';

let world: Shop;
beforeEach(async () => {
  world = await shop();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const tokens = (): (string | undefined)[] => world.server.arrivals.map(({ headers }) => headers.authorization);

describe('around', () => {
  test('standard(), a request is tried by its rules, and kept when they are at an end', async () => {
    const { server } = world;
    const { box, post } = world.open({}, standard({ retry: { retries: 2, backoff: () => 0 } }));
    server.state = 503;
    expect((await post('refused')).status).toBe(503); // a response of the server is none of the network
    expect(server.keys).toEqual(['refused', 'refused', 'refused']);
    server.state = 'down';
    expect((await post('one')).status).toBe(202);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['one']);
  });

  test('timeout, a request that gets no response is kept', async () => {
    const { server } = world;
    const { box, post } = world.open({}, [timeout({ total: 100 })]);
    server.state = 'hang';
    expect((await post('one')).status).toBe(202);
    expect(await box.flush()).toBe(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.keys).toEqual(['one', 'one', 'one']);
  });

  test('breaker and limit, a request that they refuse is kept', async () => {
    const { server } = world;
    const circuit = breaker({ volume: 2, cooldown: 50 });
    const { box, post } = world.open({}, [circuit]);
    server.state = 500;
    await post('-1');
    await post('0');
    expect((await post('one')).status).toBe(202);
    server.state = 'up';
    await vi.waitFor(async () => expect(await box.flush()).toBe(0));
    expect(server.executed).toEqual(['one']);
    const full = limit({ concurrency: 1, queue: 0 });
    const busy = world.open({ lane: ({ id }) => id, name: 'limited' }, [full]);
    server.state = 'hang';
    const first = busy.post('two');
    await until(() => server.keys.includes('two'));
    expect((await busy.post('three')).status).toBe(202);
    server.reset();
    expect((await first).status).toBe(202);
  });

  test('limit, lanes that come back together send no more requests at once than it allows', async () => {
    const { server } = world;
    let [running, most] = [0, 0];
    const count: Middleware = async (_ctx, next) => {
      most = Math.max(most, (running += 1));
      return next().finally(() => (running -= 1));
    };
    const { box, post } = world.open({ lane: ({ id }) => id }, [limit({ concurrency: 3 }), count]);
    const ids = Array.from({ length: 20 }, (_, n) => `order ${n}`);
    server.state = 'down';
    for (const id of ids) await post(id);
    server.state = 'up';
    most = 0;
    expect([await box.flush(), most]).toEqual([0, 3]);
    expect(server.executed.toSorted()).toEqual(ids.toSorted());
  });

  test('dedupe and idempotency, a request is executed once and repeated from the storage', async () => {
    const { server } = world;
    const { box, post } = world.open({}, [dedupe(), idempotency(), retry({ retries: 1, backoff: () => 0 })]);
    expect((await post('now')).status).toBe(201);
    const again = await post('now');
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    server.state = 'down';
    expect((await post('later')).status).toBe(202);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(await outcomesOf(box, 1)).toEqual([['later', 201]]);
    expect((await post('later')).status).toBe(201);
    expect(server.keys).toEqual(['now', 'later']);
  });

  test('sign, each try has the signature of its own time', async () => {
    const { server } = world;
    let signed = 0;
    const { box, post } = world.open({}, [sign(() => ({ authorization: `signature ${(signed += 1)}` }))]);
    server.state = () => (server.arrivals.length < 3 ? 'down' : 'up');
    await post('one');
    await box.flush();
    await box.flush();
    expect(tokens()).toEqual(['signature 1', 'signature 2', 'signature 3']);
    expect(JSON.stringify(await world.storage.get('outbox entry ["outbox","one"]'))).not.toContain('signature');
  });

  test('auth with a key, a request waits while another user is signed in, and others do not wait for it', async () => {
    const { server } = world;
    let user: string | undefined = 'ada';
    const session = auth({ storage: memory(), key: () => user, renew: async () => ({ access: user! }) });
    const { box, post } = world.open({}, [session]);
    server.state = 'down';
    expect((await post('of ada')).status).toBe(202);
    user = 'bob';
    server.state = 'up';
    expect((await post('of bob')).status).toBe(201);
    expect(await box.flush()).toBe(1);
    expect(await box.waiting()).toMatchObject([{ id: 'of ada', user: 'ada' }]);
    user = undefined;
    expect(await box.flush()).toBe(1);
    user = 'ada';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['of bob', 'of ada']);
    expect(tokens()).toEqual(['Bearer bob', 'Bearer ada']);
  });

  test('auth without a key, a request waits for the sign-in that has made it', async () => {
    const { server } = world;
    const session = auth({ storage: memory(), renew: async () => undefined });
    const { box, post } = world.open({}, [session]);
    await session.set({ access: 'ada' });
    server.state = 'down';
    expect((await post('of ada')).status).toBe(202);
    await session.clear();
    server.state = 'up';
    expect(await box.flush()).toBe(1);
    await session.set({ access: 'bob' });
    expect((await post('of bob')).status).toBe(201);
    expect(await box.flush()).toBe(1);
    expect(tokens()).toEqual(['Bearer bob']);
  });

  test('auth, a user who leaves while the request is on its way to auth is not replaced by the next one', async () => {
    const { server } = world;
    let user = 'ada';
    const session = auth({ storage: memory(), key: () => user, renew: async () => ({ access: user }) });
    const [reached, change] = [deferred(), deferred()];
    const slow: Middleware = async (_, next) => {
      if (server.state !== 'up') return next();
      reached.resolve();
      await change.promise;
      return next();
    };
    const { box, post } = world.open({}, [slow, session]);
    server.state = 'down';
    await post('of ada');
    server.state = 'up';
    const flushed = box.flush();
    await reached.promise;
    user = 'bob';
    change.resolve();
    expect(await flushed).toBe(1);
    expect(tokens()).toEqual([]);
  });
});

test('the option user says who makes a call, where there is no auth', async () => {
  const { server } = world;
  let user = 'ada';
  const { box, post } = world.open({ user: () => user });
  server.state = 'down';
  await post('of ada');
  user = 'bob';
  server.state = 'up';
  expect(await box.flush()).toBe(1);
  user = 'ada';
  expect(await box.flush()).toBe(0);
  expect(server.executed).toEqual(['of ada']);
});

test('its events say what becomes of a request', async () => {
  const { server } = world;
  const events: KyoaEvent[] = [];
  const box = outbox({ backoff: () => 3_600_000 });
  const api = createFetch({ use: [observe((event) => events.push(event)), box], storage: world.storage });
  server.state = 'down';
  await api(world.url, { method: 'POST', body: 'one', requestId: 'one' });
  await box.flush();
  server.state = 'up';
  await box.flush();
  expect(events.map(({ type }) => type).filter((type) => type.startsWith('outbox'))).toEqual([
    'outbox.kept',
    'outbox.postponed',
    'outbox.sent',
  ]);
  box.close();
});

describe('per call', () => {
  test('when, lane, keep, wait and maxBody are those of the call', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 503;
    const when = (...args: Parameters<typeof unreachable>): boolean =>
      unreachable(...args) || args[0].response!.status === 503;
    expect((await post('one', { outbox: { when, lane: () => 'drafts', keep: 5 } })).status).toBe(202);
    expect(await box.waiting()).toMatchObject([{ id: 'one', lane: 'drafts' }]);
    expect(await reasonOf(post('long', { outbox: { maxBody: 3 } }))).toMatchObject({ code: 'OUTBOX_REFUSED' });
    server.state = 'hang';
    void post('first');
    await until(() => server.keys.includes('first'));
    expect((await post('second', { outbox: { wait: 1 } })).status).toBe(202);
    server.reset();
  });

  test('an option of the call is that of its replay, and a function that cannot be stored is refused', async () => {
    const { server } = world;
    const seen: unknown[] = [];
    const tenant: Middleware = async function tenant(ctx, next) {
      seen.push(ctx.options['tenant']);
      return next();
    };
    const { box, api, post } = world.open({}, [tenant]);
    server.state = 'down';
    await post('one', { tenant: 'a' } as object);
    await box.flush();
    expect(seen).toEqual(['a', 'a']);
    const reason = await reasonOf(api(world.url, { method: 'POST', body: 'x', tenant: () => 'a' } as object));
    expect(reason).toMatchObject({
      code: 'OUTBOX_REFUSED',
      message: expect.stringContaining('the option tenant') as string,
    });
  });

  test('false neither keeps the request nor writes it down', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await expect(post('one', { outbox: false })).rejects.toThrow(TypeError);
    expect(await box.waiting()).toEqual([]);
  });

  test('an option that a call does not have is refused', async () => {
    expect(await reasonOf(world.open().post('one', { outbox: { limit: 3 } as object }))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('outbox (per call) has no option limit') as string,
    });
  });
});

test('it does nothing in a handler', async () => {
  const { box } = world.open();
  const handle = createHandler({ use: [box] }, () =>
    Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })),
  );
  await expect(handle(new Request('http://shop.example/', { method: 'POST', body: 'x' }))).rejects.toThrow(TypeError);
  expect(await box.waiting()).toEqual([]);
});

test('two clients with one outbox share what waits, and the later one sends it', async () => {
  const { server, storage } = world;
  const { box, post } = world.open();
  server.state = 'down';
  await post('one');
  const mark: Middleware = (_, next) => next({ headers: { 'x-tenant': 'later' } });
  const other = createFetch({ use: [box, mark], storage });
  await other(world.url, { method: 'POST', body: 'two', requestId: 'two' });
  server.state = 'up';
  expect(await box.flush()).toBe(0);
  expect(server.arrivals.map(({ key, headers }) => [key, headers['x-tenant']])).toEqual([
    ['one', 'later'],
    ['two', 'later'],
  ]);
});

test('a client with another storage takes the outbox there', async () => {
  const { server } = world;
  const { box, post } = world.open();
  server.state = 'down';
  await post('one');
  createFetch({ use: [box], storage: memory() });
  expect(await box.waiting()).toEqual([]);
  expect((await post('one')).status).toBe(202);
  server.state = 'up';
  expect(await box.flush()).toBe(0);
  expect(server.executed).toEqual(['one']);
});

describe('in the extension of a stack that changes', () => {
  test('it sends what an earlier page has kept, before any call, when there is a stack', async () => {
    const { server, storage } = world;
    const { post } = world.open();
    server.state = 'down';
    await post('one');
    server.state = 'up';
    const source = manualSource();
    const live = policy(source, { wait: 0 });
    const mark: Middleware = (_, next) => next({ headers: { 'x-tenant': 'a' } });
    const box = outbox({ backoff: () => 10 });
    createFetch({ use: live, storage }).extend({ use: (stack) => [box, ...stack, mark] });
    source.document(JSON.stringify({ use: [{ retry: { retries: 0 } }] }));
    await vi.waitFor(async () => expect(await box.flush()).toBe(0));
    expect(server.arrivals).toMatchObject([{ key: 'one', headers: { 'x-tenant': 'a' } }]);
    box.close();
  });

  test('a replay runs through the stack that is in force', async () => {
    const { server, storage } = world;
    const source = manualSource();
    const live = policy(source, { wait: 0 });
    source.document(JSON.stringify({ use: [{ retry: { retries: 0 } }] }));
    const box = outbox({ backoff: () => 3_600_000 });
    const api = createFetch({ use: live, storage }).extend({ use: (stack) => [box, ...stack] });
    server.state = 'down';
    await api(world.url, { method: 'POST', body: 'one', requestId: 'one' });
    source.document(JSON.stringify({ use: [{ retry: { retries: 2, backoff: { constant: [0] } } }] }));
    server.state = 503;
    await box.flush();
    expect(server.arrivals).toHaveLength(3);
    box.close();
  });
});
