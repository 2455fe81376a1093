/** What outboxes of others got wrong. Each test is one of their reports. */
import { auth, createFetch, memory, StorageError, type Storage, type Token } from 'kyoa';
import { outbox, type Outbox, type OutboxOptions } from 'kyoa/outbox';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ledger, type Ledger } from '../support/ledger.ts';
import { reasonOf } from '../support/promises.ts';
import { tokenServer } from '../support/token-server.ts';

let server: Ledger;
let storage: Storage;
const opened: Outbox[] = [];
beforeEach(async () => {
  [server, storage] = [await ledger(), memory()];
});
afterEach(async () => {
  for (const box of opened.splice(0)) box.close();
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
});

const open = (options: OutboxOptions = {}) => {
  const box = outbox({ backoff: () => 3_600_000, ...options });
  opened.push(box);
  const api = createFetch({ use: [box], storage });
  const post = (body: string, path = '/orders', requestId = body): Promise<Response> =>
    api(server.url + path, { method: 'POST', body, requestId });
  return { box, post };
};
const outcomesOf = async (box: Outbox, count: number): Promise<unknown[]> => {
  const outcomes: unknown[] = [];
  for await (const { id, response, error } of box.settled()) {
    outcomes.push([id, response?.status ?? error?.code]);
    if (outcomes.length === count) break;
  }
  return outcomes;
};

describe('a request that was kept', () => {
  test.each([500, 503, 408, 425, 429])('stays when its replay meets a %i, and is sent again', async (status) => {
    const { box, post } = open();
    server.state = 'down';
    expect((await post('one')).status).toBe(202);
    server.state = status;
    expect(await box.flush()).toBe(1);
    expect(await box.waiting()).toMatchObject([{ id: 'one', tries: 2 }]);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect([server.executed, server.keys]).toEqual([['one'], ['one', 'one']]);
    expect(await outcomesOf(box, 1)).toEqual([['one', 201]]);
  });

  test.each([400, 403, 404, 409, 410, 422])('does not block those behind it when it meets a %i', async (status) => {
    const { box, post } = open();
    server.state = 'down';
    await post('bad');
    await post('good');
    server.state = ({ key }) => (key === 'bad' ? status : 'up');
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['good']);
    expect(await outcomesOf(box, 2)).toEqual([
      ['bad', status],
      ['good', 201],
    ]);
  });

  test('is sent after auth has renewed the token that a 401 has refused', async () => {
    await using tokens = await tokenServer();
    const { access_token: access, refresh_token: refresh } = tokens.login('ada');
    const session = auth({
      async renew({ token }): Promise<Token> {
        const body = new URLSearchParams({ refresh_token: token?.refresh ?? '' });
        const response = await fetch(`${tokens.url}/token`, { method: 'POST', body });
        if (!response.ok) throw new Error(`status ${response.status}`);
        const grant = (await response.json()) as { access_token: string; refresh_token: string };
        return { access: grant.access_token, refresh: grant.refresh_token };
      },
      storage,
    });
    await session.set({ access, refresh });
    const box = outbox({ backoff: () => 3_600_000 });
    opened.push(box);
    let isOffline = true;
    const api = createFetch({
      use: [box, session],
      storage,
      fetch: (...args) =>
        isOffline
          ? Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ENOTFOUND' } }))
          : fetch(...args),
    });
    expect((await api(`${tokens.url}/orders`, { method: 'POST', body: 'one', requestId: 'one' })).status).toBe(202);
    isOffline = false;
    tokens.expire('ada');
    tokens.fault = 503; // the token cannot be renewed yet
    expect(await box.flush()).toBe(1);
    tokens.fault = 'none';
    expect(await box.flush()).toBe(0);
    expect(tokens.seen.calls.map(({ status, body, key }) => [status, body, key])).toEqual([
      [401, 'one', 'one'],
      [401, 'one', 'one'],
      [200, 'one', 'one'],
    ]);
  });

  test('stays and blocks no other lane while the server answers it with 401, and nothing renews', async () => {
    const { box, post } = open({ lane: ({ url }) => new URL(url).pathname });
    server.state = 'down';
    await post('one', '/private');
    await post('two', '/public');
    server.state = ({ path }) => (path === '/private' ? 401 : 'up');
    expect(await box.flush()).toBe(1);
    expect(server.executed).toEqual(['two']);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['two', 'one']);
  });

  test('is sent with the same key after a program that has died while it was on its way', async () => {
    const first = open({ lease: 90 });
    server.state = 'hang';
    void first.post('one');
    await vi.waitFor(() => expect(server.arrivals).toHaveLength(1));
    first.box.close(); // its lane goes on to hold the lease: this one only stops to look
    server.reset();
    server.state = 'up';
    const second = open();
    await vi.waitFor(async () => expect(await second.box.flush()).toBe(0));
    expect(server.keys.every((key) => key === 'one')).toBe(true);
    expect(server.executed).toEqual(['one']);
  });

  test('is sent with its whole body each time', async () => {
    const { box, post } = open();
    server.state = 'down';
    await post('a body of bytes', '/orders', 'one');
    server.state = 503;
    await box.flush();
    await box.flush();
    server.state = 'up';
    await box.flush();
    expect(server.arrivals.map(({ body }) => body.toString())).toEqual(Array(3).fill('a body of bytes'));
  });

  test('is executed once when its response was lost, as the server knows its key', async () => {
    const { box, post } = open();
    server.state = 'lost';
    expect((await post('one')).status).toBe(202);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect([server.executed, server.keys]).toEqual([['one'], ['one', 'one']]);
  });

  test('is sent once by five outboxes that wake together', async () => {
    const boxes = Array.from({ length: 5 }, () => open());
    server.state = 'down';
    for (const [n, { post }] of boxes.entries()) await post(`${n}`);
    server.state = 'up';
    await Promise.all(boxes.map(({ box }) => box.flush()));
    expect(await boxes[0]!.box.waiting()).toEqual([]);
    expect(server.keys).toEqual(['0', '1', '2', '3', '4']);
  });

  test('does not expire early or twice when the clock is set back by a week', async () => {
    const { box, post } = open({ keep: 60_000 });
    server.state = 'down';
    await post('one');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 7 * 86_400_000 });
    expect(await box.flush()).toBe(1);
    expect(await box.flush()).toBe(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(await outcomesOf(box, 1)).toEqual([['one', 201]]);
    expect(server.executed).toEqual(['one']);
  });

  test('pauses also after the clock was set back by a week', async () => {
    const { box, post } = open();
    server.state = 'down';
    await post('one');
    server.state = 503;
    await box.flush();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 7 * 86_400_000 });
    const before = server.arrivals.length;
    expect(await box.flush()).toBe(1);
    expect(server.arrivals.length - before).toBe(1);
  });
});

test('a storage that is full rejects the call before anything is sent, and loses nothing older', async () => {
  storage = memory({ maxEntries: 4 });
  const { box, post } = open();
  server.state = 'down';
  await post('one');
  await box.flush();
  await storage.set('other', 'x', { ttl: 1e9 });
  await storage.set('another', 'x', { ttl: 1e9 });
  server.state = 'up';
  expect(await reasonOf(post('two'))).toBeInstanceOf(StorageError);
  expect(server.executed).not.toContain('two');
  expect(await box.waiting()).toMatchObject([{ id: 'one' }]);
  await storage.delete('other');
  expect(await box.flush()).toBe(0);
  expect(server.executed).toEqual(['one']);
});

describe('behind a captive portal', () => {
  const page = { 'content-type': 'text/html; charset=utf-8' };
  const call = (headers: Record<string, string>, init: RequestInit = {}) => {
    const { box } = open();
    const api = createFetch({ use: [box], storage });
    const send = (): Promise<Response> =>
      api(`${server.url}/orders`, { method: 'POST', body: '{}', headers, requestId: 'one', ...init });
    return { box, send };
  };

  test.each([
    ['sends JSON', { 'content-type': 'application/json' }],
    [
      'sends JSON and accepts anything',
      { 'content-type': 'application/json', accept: 'application/json, text/plain, */*' },
    ],
    ['accepts JSON', { accept: 'application/json' }],
  ])('its page is no response of the server for a caller that %s', async (_, headers) => {
    const { box, send } = call(headers);
    server.state = (_, response) => void response.writeHead(200, page).end('<form>Accept the terms</form>');
    expect((await send()).status).toBe(202);
    expect(await box.flush()).toBe(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
    expect(server.executed).toEqual(['{}']);
  });

  test.each([302, 307])('a %i to its page on another host is no response of the server', async (status) => {
    await using portal = await ledger((_, response) => void response.writeHead(200, page).end('<form>'));
    const { box, send } = call({ accept: 'text/html' });
    server.state = (_, response) => void response.writeHead(status, { location: portal.url }).end();
    expect((await send()).status).toBe(202);
    expect(await box.flush()).toBe(1);
    server.state = 'up';
    expect(await box.flush()).toBe(0);
  });

  test('is not what a server looks like that sends the request on to another one', async () => {
    await using other = await ledger();
    const { box, send } = call({ 'content-type': 'application/json' });
    server.state = (_, response) => void response.writeHead(307, { location: `${other.url}/orders` }).end();
    expect((await send()).status).toBe(201);
    expect(await box.waiting()).toEqual([]);
    expect(other.executed).toEqual(['{}']);
  });

  test('is not what a server looks like that responds to a form with a page', async () => {
    const { send } = call({}, { body: new URLSearchParams('a=b') });
    server.state = (_, response) => void response.writeHead(200, page).end('<p>Thank you</p>');
    expect(await (await send()).text()).toBe('<p>Thank you</p>');
  });
});

test('a request that comes while an earlier one ends is not forgotten', async () => {
  const { post } = open();
  for (let round = 0; round < 50; round += 1) {
    const all = Array.from({ length: 4 }, async (_, n) => {
      for (let turn = 0; turn < (round * n) % 17; turn += 1) await Promise.resolve();
      return (await post(`${round}-${n}`)).status;
    });
    expect(await Promise.all(all)).toEqual([201, 201, 201, 201]);
  }
  expect(server.executed).toHaveLength(200);
  expect(server.arrivals).toHaveLength(200);
});

test('an app reads what an earlier version of it has written', async () => {
  // What the first version wrote.
  const request = {
    method: 'POST',
    url: `${server.url}/orders`,
    headers: [
      ['content-type', 'text/plain;charset=UTF-8'],
      ['idempotency-key', 'old'],
    ],
    text: 'old',
    init: {},
    options: {},
  };
  const channel = { lane: server.url, method: 'POST', url: request.url, since: Date.now(), keep: 1e9 };
  await storage.set('outbox entry ["outbox","old"]', JSON.stringify({ request }));
  const waiting = [{ id: 'old', ...channel, later: 'unknown' }];
  await storage.set('outbox ["outbox"]', JSON.stringify({ next: 1, waiting, settled: [], later: 'unknown' }));
  const { box, post } = open();
  expect((await post('new')).status).toBe(201);
  expect(server.executed).toEqual(['old', 'new']);
  expect(await outcomesOf(box, 1)).toEqual([['old', 201]]);
});

test('a network that comes while a try fails is used at once', async () => {
  const { box, post } = open();
  server.state = 'down';
  await post('one');
  server.state = () => {
    server.state = 'up';
    void box.flush();
    return 503;
  };
  await box.flush();
  expect(await box.waiting()).toEqual([]);
  expect(server.executed).toEqual(['one']);
});
