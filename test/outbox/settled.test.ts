/** The outcomes of what was kept, and the end of an outbox. */
import { once } from 'node:events';
import { fork } from 'node:child_process';
import { join } from 'node:path';

import { createFetch, memory } from 'kyoa';
import { outbox, OutboxError } from 'kyoa/outbox';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { root } from '../support/lanes.ts';
import { ownTimers, type OwnTimers } from '../support/own-timers.ts';
import { until } from '../support/origin.ts';
import { outcomesOf, shop, type Shop } from './shop.ts';

let world: Shop;
beforeEach(async () => {
  world = await shop();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('settled', () => {
  test('begun before has each outcome as it comes, with the response of the server', async () => {
    const { server } = world;
    const { box, post } = world.open();
    const outcomes = box.settled();
    const next = outcomes.next();
    server.state = 'down';
    await post('one');
    await post('two');
    server.state = 'up';
    await box.flush();
    const { value } = await next;
    expect(value).toMatchObject({ id: 'one', method: 'POST', url: world.url, since: expect.any(Number) as number });
    expect(await (value as { response: Response }).response.json()).toEqual({ key: 'one' });
    expect((await outcomes.next()).value).toMatchObject({ id: 'two' });
    await outcomes.return!();
  });

  test('begun after has the outcomes of before, also in another program', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    server.state = ({ key }) => (key === 'one' ? 409 : 'up');
    await post('two');
    await box.flush();
    for (const other of [box, world.open().box])
      expect(await outcomesOf(other, 2)).toEqual([
        ['one', 409],
        ['two', 201],
      ]);
  });

  test('has no outcome of a request whose caller has the response', async () => {
    const { server } = world;
    const { box, post } = world.open();
    await post('now');
    server.state = 'down';
    await post('later');
    server.state = 'up';
    await box.flush();
    expect(await outcomesOf(box, 1)).toEqual([['later', 201]]);
  });

  test('has the error of a call that no further try can mend', async () => {
    const { server } = world;
    let isBroken = false;
    const { box, post } = world.open({}, [
      (_, next) => {
        if (isBroken) throw new RangeError('a fault of the program');
        return next();
      },
    ]);
    server.state = 'down';
    await post('one');
    isBroken = true;
    await box.flush();
    for await (const { id, error, response } of box.settled()) {
      expect([id, response]).toEqual(['one', undefined]);
      expect(error).toBeInstanceOf(OutboxError);
      expect(error).toMatchObject({ code: 'OUTBOX_FAILED', message: 'RangeError: a fault of the program' });
      break;
    }
  });

  test.each([
    ['longer than 1 MiB', (end: (body: string) => void) => end('x'.repeat(1_048_577))],
    ['broken off', undefined],
  ])('has a response whose body is %s without it', async (_, respond) => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    server.state = (_, response) => {
      response.writeHead(201, { etag: '"a"', ...(respond === undefined && { 'content-length': '100' }) });
      if (respond !== undefined) respond((body) => response.end(body));
      else response.write('x', () => response.socket!.destroy());
    };
    expect(await box.flush()).toBe(0);
    for await (const { response } of box.settled()) {
      expect([response?.status, response?.headers.get('etag'), await response?.text()]).toEqual([201, '"a"', '']);
      break;
    }
  });

  test('ends when its loop does, on return while it waits, and at close', async () => {
    const { box } = world.open();
    const returned = box.settled();
    const waiting = returned.next();
    expect(await returned.return!()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    const closed = box.settled().next();
    box.close();
    expect(await closed).toEqual({ done: true, value: undefined });
    expect(await box.settled().next()).toEqual({ done: true, value: undefined });
  });

  test('leaves no timer when it has ended', async () => {
    using timers = ownTimers();
    const { box } = world.open();
    const before = timers.count;
    const outcomes = box.settled();
    const next = outcomes.next();
    await vi.waitFor(() => expect(timers.count).toBe(before + 1));
    await outcomes.return!();
    await next;
    expect(timers.count).toBe(before);
  });

  test('has the outcomes of another program within a second', async () => {
    const { server } = world;
    const [one, other] = [world.open(), world.open()];
    const seen = outcomesOf(other.box, 1);
    server.state = 'down';
    await one.post('one');
    server.state = 'up';
    await one.box.flush();
    expect(await seen).toEqual([['one', 201]]);
  });
});

test('without a client or a storage of its own it says what it needs', async () => {
  const box = outbox();
  await expect(box.waiting()).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringContaining('put it into use') as string,
  });
  const own = outbox({ storage: memory() });
  expect([await own.waiting(), await own.flush()]).toEqual([[], 0]);
  own.close();
});

describe('close', () => {
  let timers: OwnTimers;
  beforeEach(() => {
    timers = ownTimers();
  });
  afterEach(() => timers[Symbol.dispose]());

  test('leaves no timer of an outbox that pauses', async () => {
    const { server } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    expect(timers.count).toBeGreaterThan(0);
    box.close();
    await until(() => timers.count === 0);
    box.close();
  });

  test('resolves the calls that wait for their turn with a 202, and leaves no timer of theirs', async () => {
    const { server, storage } = world;
    const { box, post } = world.open();
    server.state = 'hang';
    const first = post('one');
    await until(() => server.arrivals.length === 1);
    const second = post('two');
    await vi.waitFor(async () => expect(await box.waiting()).toHaveLength(2));
    box.close();
    expect((await second).status).toBe(202);
    server.reset();
    expect((await first).status).toBe(202);
    await until(() => timers.count === 0);
    expect(await world.open({ storage }).box.waiting()).toHaveLength(2);
  });

  test('of one that waits for the lease of another one ends its wait', async () => {
    const { server } = world;
    const [one, other] = [world.open(), world.open()];
    server.state = 'hang';
    const first = one.post('one');
    await until(() => server.arrivals.length === 1);
    const second = other.post('two');
    await vi.waitFor(async () => expect(await other.box.waiting()).toHaveLength(2));
    one.box.close();
    other.box.close();
    expect((await second).status).toBe(202);
    server.reset();
    await first;
    await until(() => timers.count === 0);
  });

  test('lets later calls through as without an outbox, and sends nothing more', async () => {
    const { server, storage } = world;
    const { box, post } = world.open();
    server.state = 'down';
    await post('one');
    box.close();
    await expect(post('two')).rejects.toThrow(TypeError);
    server.state = 'up';
    expect((await post('three')).status).toBe(201);
    createFetch({ use: [box], storage });
    expect(await box.flush()).toBe(1);
    await until(() => timers.count === 0);
    expect(server.executed).toEqual(['three']);
  });

  test('before its first look ends that, too', async () => {
    const { server, storage } = world;
    const before = world.open();
    server.state = 'down';
    await before.post('one');
    before.box.close();
    server.state = 'up';
    const { box } = world.open({ storage });
    box.close();
    await until(() => timers.count === 0);
    expect(server.executed).toEqual([]);
  });
});

test('what waits keeps no process alive', async () => {
  const { server } = world;
  server.state = 'down';
  const child = fork(join(root, 'test/outbox/waiting-process.ts'), [world.url]);
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
});
