import kyoa, {
  constant,
  createFetch,
  dedupe,
  HTTPError,
  idempotency,
  IdempotencyError,
  memory,
  observe,
  retry,
  standard,
  StorageError,
  timeout,
  type IdempotencyOptions,
  type KyoaEvent,
  type ResponsePromise,
  type Storage,
} from 'kyoa';
import { file } from 'kyoa/file';
import { indexeddb } from 'kyoa/indexeddb';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { deaf, silent, stub, watched, type Stub } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { manual, type Manual } from '../../support/manual.ts';
import { origin, settled } from '../../support/origin.ts';
import { exitsByItself, expectQuiet } from '../../support/sockets.ts';

const url = 'http://api.example/orders';
const order = { method: 'POST', body: 'one ticket' };
const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const keysOf = ({ sent }: Stub): (string | null)[] => sent.map(({ headers }) => headers.get('idempotency-key'));
const replayed = (response: Response): string | null => response.headers.get('idempotency-replayed');
const rejection = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => expect.unreachable('It resolves'),
    (error: unknown) => error,
  );

/** Fake timers do not stop what takes real time, as the platform's digests do. */
async function until(predicate: () => boolean): Promise<void> {
  while (!predicate()) await settled();
}

/** Answers with the number of the request. */
const counting =
  (status = 200) =>
  (attempt: number) =>
    new Response(`answer ${attempt}`, { status });

describe('the key', () => {
  test('is the header that is there already, else the requestId, else a fresh one', async () => {
    const made = stub([idempotency()], counting());
    await made.fetch(url, { ...order, requestId: 'request', headers: { 'Idempotency-Key': 'header' } });
    await made.fetch(url, { ...order, headers: { 'Idempotency-Key': 'header' } });
    await made.fetch(url, { ...order, requestId: 'request' });
    await made.fetch(url, order);
    await made.fetch(url, { ...order, headers: { 'Idempotency-Key': '' } });
    const [first, second, third, ...fresh] = keysOf(made);
    expect([first, second, third]).toEqual(['header', 'header', 'request']);
    expect(new Set(fresh).size).toBe(2);
    for (const key of fresh) expect(key).toMatch(uuid);
  });

  test('is not made up with generate: false, and then nothing is added', async () => {
    const made = stub([idempotency({ generate: false })], counting());
    await made.fetch(url, order);
    await made.fetch(url, { ...order, requestId: 'request' });
    expect(keysOf(made)).toEqual([null, 'request']);
  });

  test('is for POST and PATCH, or for the methods that are named', async () => {
    for (const [options, methods] of [
      [{}, ['POST', 'PATCH']],
      [{ methods: ['put', 'LOCK'] }, ['PUT', 'LOCK']],
      [{ methods: [] }, []],
    ] as const) {
      const made = stub([idempotency(options)], counting());
      const all = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH', 'LOCK'];
      for (const method of all) await made.fetch(url, { method, requestId: method });
      expect(made.sent.filter(({ headers }) => headers.has('idempotency-key')).map(({ method }) => method)).toEqual(
        all.filter((method) => (methods as readonly string[]).includes(method)),
      );
    }
  });

  test.each([
    ['bare', 'order "42"'],
    ['structured', String.raw`"order \"42\""`],
  ] as const)('travels %s', async (format, onTheWire) => {
    const made = stub([idempotency({ format })], counting());
    await made.fetch(url, { ...order, requestId: 'order "42"' });
    expect(keysOf(made)).toEqual([onTheWire]);
  });

  test('that is there already travels as it is, and counts as the same in either form', async () => {
    const made = stub([idempotency({ format: 'structured' })], counting());
    const answers: string[] = [];
    for (const key of ['order-42', '"order-42"']) {
      const headers = { 'Idempotency-Key': key };
      const response = await made.fetch(url, { ...order, headers, requestId: crypto.randomUUID() });
      answers.push(await response.text());
    }
    expect(keysOf(made)).toEqual(['order-42']);
    expect(answers).toEqual(['answer 1', 'answer 1']);
  });

  test('may travel in a header of another name', async () => {
    const made = stub([idempotency({ header: 'X-Request-Key' })], counting());
    await made.fetch(url, { ...order, requestId: 'request' });
    expect([...made.sent[0]!.headers]).toContainEqual(['x-request-key', 'request']);
    expect(keysOf(made)).toEqual([null]);
  });

  test.each(['bestellung-grün', 'two\nlines', ' led by space'])(
    'that cannot travel in a header, as %j, fails the call before anything is sent',
    async (requestId) => {
      const made = stub([idempotency()], counting());
      const error = await rejection(made.fetch(url, { ...order, requestId }));
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('requestId must be') });
      expect(made.sent).toEqual([]);
    },
  );

  test('leaves the rest of the request as it was, and the request of the caller untouched', async () => {
    const made = stub([idempotency()], counting());
    const mine = new Request(url, { ...order, headers: { 'X-Mine': 'yes' }, credentials: 'include' });
    await made.fetch(mine);
    const [sent] = made.sent;
    expect(sent).toMatchObject({ url, method: 'POST', credentials: 'include' });
    expect(sent!.headers.get('x-mine')).toBe('yes');
    expect(await sent!.text()).toBe('one ticket');
    expect(mine.headers.has('idempotency-key')).toBe(false);
  });

  test('keeps nothing without a requestId: each call is one of its own', async () => {
    const storage = memory({ maxEntries: 1 });
    await storage.close();
    const made = stub([idempotency({ storage })], counting());
    const headers = { 'Idempotency-Key': 'header' };
    for (const init of [order, { ...order, headers }, { ...order, headers }]) await made.fetch(url, init);
    expect(made.sent).toHaveLength(3);
  });

  test('and all else is left out where the policy is switched off for the call', async () => {
    const made = stub([idempotency()], counting());
    for (let n = 0; n < 2; n += 1) await made.fetch(url, { ...order, requestId: 'request', idempotency: false });
    await made.fetch(url, { ...order, requestId: 'request', idempotency: { format: 'structured' } });
    expect(keysOf(made)).toEqual([null, null, '"request"']);
  });
});

describe('a repeat with the same requestId', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = memory();
  });

  /** Each is a process or a tab of its own on the same storage. */
  const client = (options: IdempotencyOptions = {}, answer: Parameters<typeof stub>[1] = counting()): Stub =>
    stub([idempotency({ storage, ...options })], answer);

  test('is answered with what came of the first, and marked as replayed', async () => {
    const answer = (): Response =>
      new Response('made', { status: 201, statusText: 'Made', headers: { location: '/orders/42' } });
    const [one, two] = [client({}, answer), client({}, answer)];
    const first = await one.fetch(url, { ...order, requestId: 'order-42' });
    expect(replayed(first)).toBeNull();
    expect(await first.text()).toBe('made');
    for (const { fetch, sent, types } of [one, two]) {
      const again = await fetch(url, { ...order, requestId: 'order-42' });
      expect(again).toMatchObject({ status: 201, statusText: 'Made', ok: true });
      expect(again.headers.get('location')).toBe('/orders/42');
      expect(replayed(again)).toBe('true');
      expect(await again.text()).toBe('made');
      expect(types()).toContain('idempotency.replayed');
      expect(sent.length).toBe(one.sent === sent ? 1 : 0);
    }
  });

  test('is marked once where the server has marked its answer, too', async () => {
    const { fetch } = client({}, () => new Response('x', { headers: { 'Idempotency-Replayed': 'true' } }));
    for (let n = 0; n < 2; n += 1) expect(replayed(await fetch(url, { ...order, requestId: 'k' }))).toBe('true');
  });

  test('is a request of its own for another origin, and for another scope', async () => {
    const { fetch, sent } = client();
    await fetch('http://one.example/', { ...order, requestId: 'k' });
    await fetch('http://two.example/', { ...order, requestId: 'k' });
    await fetch('https://one.example/', { ...order, requestId: 'k' });
    expect(sent).toHaveLength(3);

    const users = client({ scope: async ({ request }) => request.headers.get('x-user') ?? undefined });
    for (const user of ['ann', 'bob', 'ann', '["ann"', 'ann","']) {
      await users.fetch(url, { ...order, requestId: 'k', headers: { 'x-user': user } });
    }
    expect(users.sent).toHaveLength(4);
  });

  test.each([
    ['another method', { ...order, method: 'PATCH' }],
    ['another body', { ...order, body: 'two tickets' }],
    ['no body', { method: 'POST' }],
    ['another URL', order, `${url}?express`],
  ])('but with %s is refused, and not sent', async (_, init: RequestInit, where: string = url) => {
    const { fetch, sent } = client();
    await fetch(url, { ...order, requestId: 'order-42' });
    const error = await rejection(fetch(where, { ...init, requestId: 'order-42' }));
    expect(error).toBeInstanceOf(IdempotencyError);
    expect(error).toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      key: 'order-42',
      message: expect.stringContaining('use a new key'),
    });
    expect(sent).toHaveLength(1);
  });

  test.each([
    [[200, 201, 204, 301, 303, 304, 400, 401, 404, 410, 422, 451], 1],
    [[408, 409, 425, 429, 500, 501, 502, 503, 504, 599], 2],
  ])('after %j reaches the server: %i requests in all', async (statuses, requests) => {
    for (const status of statuses) {
      const { fetch, sent } = client({}, () => new Response(null, { status }));
      const requestId = `order-${status}`;
      for (let n = 0; n < 2; n += 1) expect((await fetch(url, { ...order, requestId })).status).toBe(status);
      expect([status, sent.length]).toEqual([status, requests]);
    }
  });

  test('is sent under the same key when the first failed', async () => {
    const made = client({}, (attempt) => {
      if (attempt === 1) throw new TypeError('fetch failed');
      return new Response(`answer ${attempt}`, { status: attempt === 2 ? 503 : 200 });
    });
    await expect(made.fetch(url, { ...order, requestId: 'k' })).rejects.toThrow('fetch failed');
    expect((await made.fetch(url, { ...order, requestId: 'k' })).status).toBe(503);
    for (let n = 0; n < 2; n += 1) {
      expect(await (await made.fetch(url, { ...order, requestId: 'k' })).text()).toBe('answer 3');
    }
    expect(keysOf(made)).toEqual(['k', 'k', 'k']);
  });

  test('`when` judges which answers are final', async () => {
    const { fetch, sent } = client(
      { when: ({ response }, ctx) => response?.headers.get('x-done') === ctx.id },
      (attempt) => new Response(null, { status: 500, headers: { 'x-done': attempt === 2 ? 'k' : 'no' } }),
    );
    for (let n = 0; n < 4; n += 1) await fetch(url, { ...order, requestId: 'k' });
    expect(sent).toHaveLength(2);
  });

  test('a `when` that throws fails the call, and leaves the key free', async () => {
    const options = {
      when: (): boolean => {
        throw new RangeError('oops');
      },
    };
    const { fetch, sent } = client(options);
    for (let n = 0; n < 2; n += 1) await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow('oops');
    expect(sent).toHaveLength(2);
  });

  test('is a new request once the ttl is over', async () => {
    vi.useFakeTimers();
    try {
      const { fetch, sent } = client({ ttl: 60_000 });
      await fetch(url, { ...order, requestId: 'k' });
      vi.advanceTimersByTime(59_999);
      await fetch(url, { ...order, requestId: 'k' });
      expect(sent).toHaveLength(1);
      vi.advanceTimersByTime(1);
      await fetch(url, { ...order, requestId: 'k' });
      expect(sent).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('keeps its results for a day, in the storage of the face, unless told otherwise', async () => {
    const kept: [string, number][] = [];
    const watching: Storage = {
      ...storage,
      set(key, value, options) {
        kept.push([key, options?.ttl ?? Infinity]);
        return storage.set(key, value, options);
      },
    };
    const fetch = createFetch({ use: [idempotency()], storage: watching, fetch: async () => new Response('x') });
    await fetch(url, { ...order, requestId: 'k' });
    const name = 'idempotency ["http://api.example","k"]';
    expect(kept).toEqual([
      [name, 86_400_000],
      [name, 86_400_000],
    ]);
  });

  test.each(['a string', 'bytes', 'a form', 'a stream', 'a Request'])(
    'is recognised by the content of its body: %s',
    async (kind) => {
      const data = new FormData();
      data.set('name', 'value');
      const bodies: Record<string, () => [string | Request, RequestInit]> = {
        'a string': () => [url, { method: 'POST', body: 'text' }],
        bytes: () => [url, { method: 'POST', body: new Uint8Array([0xff, 0, 1]) }],
        'a form': () => [url, { method: 'POST', body: data }],
        'a stream': () => [url, { method: 'POST', body: new Blob(['text']).stream(), duplex: 'half' } as RequestInit],
        'a Request': () => [new Request(url, { method: 'POST', body: 'text' }), {}],
      };
      const bodies_: string[] = [];
      const { fetch, sent } = client();
      for (let n = 0; n < 2; n += 1) {
        const [input, init] = bodies[kind]!();
        bodies_.push(await (await fetch(input, { ...init, requestId: 'k' })).text());
      }
      expect(bodies_).toEqual(['answer 1', 'answer 1']);
      expect((await sent[0]!.arrayBuffer()).byteLength).toBeGreaterThan(0);
      await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(IdempotencyError);
    },
  );
});

describe('a concurrent repeat', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = memory();
  });
  const waits = ({ events }: { events: readonly KyoaEvent[] }): boolean =>
    events.some(({ type }) => type === 'idempotency.awaited');

  test('waits for the first, and gets its answer: one request for 200 calls', async () => {
    const { transport, answer, calls } = manual();
    const clients = Array.from({ length: 4 }, () => watched([idempotency({ storage })], transport));
    const all = Array.from({ length: 200 }, (_, n) => clients[n % 4]!.fetch(url, { ...order, requestId: 'k' }));
    await until(() => clients.every(waits));
    answer(new Response('the answer', { status: 201 }));
    const answers = await Promise.all(all);
    expect(new Set(await Promise.all(answers.map((response) => response.text())))).toEqual(new Set(['the answer']));
    expect(answers.filter((response) => replayed(response) === null)).toHaveLength(1);
    expect(calls()).toBe(1);
  });

  test('is refused with conflict: throw, which says when the lease of the first will run out', async () => {
    const { transport, asked, answer, calls } = manual();
    const { fetch } = watched([idempotency({ storage, conflict: 'throw', lease: 5_000 })], transport);
    const first = fetch(url, { ...order, requestId: 'k' });
    await asked;
    const error = (await rejection(fetch(url, { ...order, requestId: 'k' }))) as IdempotencyError;
    expect(error).toBeInstanceOf(IdempotencyError);
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', key: 'k' });
    expect(error.request?.url).toBe(url);
    expect(Math.abs(error.retryAt! - Date.now() - 5_000)).toBeLessThan(1_000);
    expect(calls()).toBe(1);
    answer(new Response('x'));
    await first;
    expect(replayed(await fetch(url, { ...order, requestId: 'k' }))).toBe('true');
  });

  test('takes over when the first fails', async () => {
    const { transport, asked, fail } = manual();
    const first = watched([idempotency({ storage })], transport);
    const second = stub([idempotency({ storage })], counting());
    const failing = rejection(first.fetch(url, { ...order, requestId: 'k' }));
    await asked;
    const waiting = second.fetch(url, { ...order, requestId: 'k' });
    await until(() => waits(second));
    fail(new TypeError('fetch failed'));
    await failing;
    expect(await (await waiting).text()).toBe('answer 1');
    const types = second.types().filter((type) => type.startsWith('idempotency'));
    expect(types).toEqual(['idempotency.awaited']);
  });

  test('that leaves while it waits does so at once, and harms nobody', async () => {
    const { transport, asked, answer } = manual();
    const client = watched([idempotency({ storage })], transport);
    const first = client.fetch(url, { ...order, requestId: 'k' });
    await asked;
    const leaving = new AbortController();
    const second = rejection(client.fetch(url, { ...order, requestId: 'k', signal: leaving.signal }));
    await until(() => waits(client));
    const reason = { why: 'closed the tab' };
    leaving.abort(reason);
    expect(await second).toBe(reason);
    answer(new Response('x'));
    expect((await first).status).toBe(200);
  });

  test('is let go when its limit runs out', async () => {
    vi.useFakeTimers();
    try {
      const { transport, asked } = manual();
      const first = watched([idempotency({ storage })], transport);
      void first.fetch(url, { ...order, requestId: 'k' });
      await asked;
      const second = watched([timeout(5_000), idempotency({ storage })], deaf);
      const limited = rejection(second.fetch(url, { ...order, requestId: 'k' }));
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await limited).toMatchObject({ code: 'TIMEOUT', phase: 'total' });
      expect(vi.getTimerCount()).toBe(1); // the heartbeat of the first
      vi.clearAllTimers();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a holder of a key', () => {
  let storage: Storage;
  beforeEach(() => {
    vi.useFakeTimers();
    storage = memory();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const call = { ...order, requestId: 'k' };
  const types = ({ events }: { events: readonly KyoaEvent[] }): string[] =>
    events.map(({ type }) => type).filter((type) => type.startsWith('idempotency'));

  interface Started extends Manual {
    readonly response: Promise<Response>;
    readonly events: readonly KyoaEvent[];
  }

  /** Sends the request. */
  async function start(options: IdempotencyOptions = {}, init: RequestInit = {}): Promise<Started> {
    const server = manual();
    const { fetch, events } = watched([idempotency({ storage, ...options })], server.transport);
    const response = fetch(url, { ...call, ...init });
    response.catch(() => {});
    await server.asked;
    return { ...server, response, events };
  }

  /** Sends the request and freezes: until its answer comes it writes no more. */
  async function freeze(): Promise<Started> {
    const started = await start();
    vi.clearAllTimers();
    return started;
  }

  test('that died is succeeded by exactly one of many when its lease runs out; it sends the same key', async () => {
    await freeze();
    const clients = Array.from({ length: 10 }, () => stub([idempotency({ storage })], counting()));
    const all = clients.flatMap(({ fetch }) => Array.from({ length: 10 }, () => fetch(url, call)));
    await until(() => clients.every((client) => types(client).length === 10)); // all of them wait
    await vi.advanceTimersByTimeAsync(14_999);
    expect(clients.flatMap(keysOf)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_001);
    const answers = await Promise.all(all);
    expect(clients.flatMap(keysOf)).toEqual(['k']);
    expect(new Set(await Promise.all(answers.map((response) => response.text())))).toEqual(new Set(['answer 1']));
    const seen = clients.flatMap(types);
    expect(seen.filter((type) => type === 'idempotency.recovered')).toHaveLength(1);
    expect(seen.filter((type) => type === 'idempotency.replayed')).toHaveLength(99);
  });

  test('that died is given up within the time that the standard stack waits', async () => {
    await freeze();
    const { fetch, events, sent } = stub(standard(), counting());
    const answer = fetch(url, { ...call, idempotency: { storage } });
    await until(() => types({ events }).length === 1);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await (await answer).text()).toBe('answer 1');
    expect(sent).toHaveLength(1);
  });

  test('that is slow keeps it for as long as it lives', async () => {
    const slow = await start();
    const other = stub([idempotency({ storage })], counting());
    const second = other.fetch(url, call);
    await until(() => types(other).length === 1);
    await vi.advanceTimersByTimeAsync(600_000);
    slow.answer(new Response('slow, but alive'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await slow.response).text()).toBe('slow, but alive');
    expect(await (await second).text()).toBe('slow, but alive');
    expect(other.sent).toEqual([]);
  });

  test('that was given up for dead replays what its successor recorded', async () => {
    const frozen = await freeze();
    vi.advanceTimersByTime(15_000);
    const successor = stub([idempotency({ storage })], () => new Response('of the successor'));
    await successor.fetch(url, call);
    frozen.answer(new Response('of the frozen one'));
    const response = await frozen.response;
    expect(await response.text()).toBe('of the successor');
    expect(replayed(response)).toBe('true');
    expect(types(frozen)).toEqual(['idempotency.replayed']);
  });

  test('that was given up for dead waits for its successor, and has the same answer', async () => {
    const frozen = await freeze();
    vi.advanceTimersByTime(15_000);
    const successor = await start();
    frozen.answer(new Response('of the frozen one'));
    await until(() => types(frozen).includes('idempotency.awaited'));
    await vi.advanceTimersByTimeAsync(60_000);
    successor.answer(new Response('of the successor'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await successor.response).text()).toBe('of the successor');
    expect(await (await frozen.response).text()).toBe('of the successor');
  });

  test('that was given up for dead records its own answer if its successor fails', async () => {
    const frozen = await freeze();
    vi.advanceTimersByTime(15_000);
    const successor = await start();
    frozen.answer(new Response('of the frozen one'));
    await until(() => types(frozen).includes('idempotency.awaited'));
    successor.fail(new TypeError('fetch failed'));
    await expect(successor.response).rejects.toThrow('fetch failed');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await frozen.response).text()).toBe('of the frozen one');
    const again = stub([idempotency({ storage })], counting());
    expect(await (await again.fetch(url, call)).text()).toBe('of the frozen one');
    expect(again.sent).toEqual([]);
  });

  test('that was given up for dead, and whose successor is lost with the storage, still has its answer', async () => {
    const frozen = await freeze();
    vi.advanceTimersByTime(15_000);
    await freeze();
    await storage.close();
    frozen.answer(new Response('of the frozen one'));
    expect(await (await frozen.response).text()).toBe('of the frozen one');
    expect(frozen.events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', error: expect.any(StorageError) }),
    );
  });

  test('that leaves gives it back at once, though its transport is deaf', async () => {
    const leaving = new AbortController();
    const { response } = await start({}, { signal: leaving.signal });
    leaving.abort('bye');
    await expect(response).rejects.toBe('bye');
    const second = stub([idempotency({ storage, conflict: 'throw' })], counting());
    expect((await second.fetch(url, call)).status).toBe(200);
    expect(types(second)).toEqual([]);
  });

  test('that leaves when its answer is there changes nothing about it', async () => {
    const leaving = new AbortController();
    const { response, answer } = await start({}, { signal: leaving.signal });
    answer(new Response('x'));
    await response;
    leaving.abort();
    const second = stub([idempotency({ storage })], counting());
    expect(await (await second.fetch(url, call)).text()).toBe('x');
  });

  test('whose limit runs out gives it back, and the repeat sends the same key', async () => {
    const first = watched([timeout(60_000), idempotency({ storage })], silent);
    const late = rejection(first.fetch(url, call));
    await until(() => vi.getTimerCount() === 2); // the limit, and the heartbeat
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await late).toMatchObject({ code: 'TIMEOUT' });
    const second = stub([idempotency({ storage, conflict: 'throw' })], counting());
    await second.fetch(url, call);
    expect(keysOf(second)).toEqual(['k']);
  });

  test('who has left by the time it is given sends nothing, and gives it back', async () => {
    const leaving = new AbortController();
    const slow: Storage = {
      ...storage,
      async set(...args) {
        leaving.abort('bye');
        return storage.set(...args);
      },
    };
    const { fetch, sent } = stub([idempotency({ storage: slow })], counting());
    await expect(fetch(url, { ...call, signal: leaving.signal })).rejects.toBe('bye');
    await settled();
    expect(sent).toEqual([]);
    const second = stub([idempotency({ storage, conflict: 'throw' })], counting());
    expect((await second.fetch(url, call)).status).toBe(200);
  });
});

describe('a storage that is down', () => {
  const closed = async (storage: Storage): Promise<Storage> => {
    await storage.close();
    return storage;
  };
  const full = async (): Promise<Storage> => {
    const storage = memory({ maxEntries: 1 });
    await storage.set('other', 'value', { ttl: 60_000 });
    return storage;
  };

  test.each([
    ['memory, closed', () => closed(memory())],
    ['memory, full', full],
    ['file, closed', () => closed(file(join(tmpdir(), 'never-made.db')))],
    ['file, where none can be', async () => file(join(import.meta.filename, 'store.db'))],
    ['indexeddb, where there is none', async () => indexeddb('none')],
  ])('fails the call before anything is sent: %s', async (_, open) => {
    const { fetch, sent } = stub([idempotency({ storage: await open() }), retry({ backoff: constant(0) })], counting());
    await expect(fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(StorageError);
    expect(sent).toEqual([]);
    // A call that keeps nothing does not need it.
    expect((await fetch(url, order)).status).toBe(200);
  });

  test('when the answer is there does not withhold it: it is unrecorded', async () => {
    const storage = memory();
    const failure = new StorageError('down');
    let writes = 0;
    const dying: Storage = {
      ...storage,
      async set(...args) {
        writes += 1;
        if (writes > 1) throw failure;
        return storage.set(...args);
      },
    };
    const { fetch, events } = stub([idempotency({ storage: dying })], counting(201));
    const response = await fetch(url, { ...order, requestId: 'k' });
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('answer 1');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', key: 'k', error: failure }),
    );

    // Whether it was recorded is in doubt, so nobody sends it again before the lease is over.
    const second = stub([idempotency({ storage, conflict: 'throw' })], counting());
    await expect(second.fetch(url, { ...order, requestId: 'k' })).rejects.toThrow(IdempotencyError);
  });
});

describe('idempotency refuses', () => {
  test.each([
    ['idempotency has no option keys; it has header, methods', { keys: 'x' }],
    ['idempotency header must be a header name, got "Idempotency Key"', { header: 'Idempotency Key' }],
    ['idempotency header must be a header name, got ""', { header: '' }],
    ['idempotency methods must be a list', { methods: 'POST' }],
    ["idempotency format must be 'bare' or 'structured', got \"quoted\"", { format: 'quoted' }],
    ['idempotency ttl must be a number of milliseconds above 0, got 0', { ttl: 0 }],
    ['idempotency lease must be a number of milliseconds above 0, got "1s"', { lease: '1s' }],
    ['idempotency lease must be a number of milliseconds above 0, got null', { lease: null }],
    ["idempotency conflict must be 'wait' or 'throw', got \"409\"", { conflict: '409' }],
    ['idempotency scope must be a function', { scope: 'user' }],
    ['idempotency when must be a function', { when: true }],
  ])('%s', async (message, options) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) });
    expect(() => idempotency(options as IdempotencyOptions)).toThrow(refusal);
    const { fetch, sent } = stub([idempotency()], counting());
    await expect(fetch(url, { ...order, idempotency: options as IdempotencyOptions })).rejects.toThrow(refusal);
    expect(sent).toEqual([]);
  });
});

describe('idempotency on a real server', () => {
  let server: FaultServer;
  let storage: Storage;
  beforeAll(async () => {
    server = await faultServer();
  });
  beforeEach(() => {
    storage = memory();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  const stack = (): { fetch: ReturnType<typeof createFetch>; events: KyoaEvent[] } => {
    const events: KyoaEvent[] = [];
    const use = [
      observe((event) => events.push(event)),
      timeout(5_000),
      dedupe(),
      idempotency({ storage }),
      retry({ backoff: constant(5) }),
      timeout({ headers: 1_000 }),
    ];
    return { fetch: createFetch({ use }), events };
  };
  const seenKeys = (): (string | undefined)[] => server.requests.map(({ headers }) => headers['idempotency-key']);

  test('retry sends an unsafe request again only with a key, which is on the first attempt and the same for all', async () => {
    const { fetch } = stack();
    const work = server.url('/work?then=reset,503,ok&id=keyed');
    expect((await fetch(work, order)).status).toBe(200);
    const keys = seenKeys();
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(uuid);
    expect(new Set(keys).size).toBe(1);
    expect(server.requests.map(({ body }) => body.toString())).toEqual(Array(3).fill('one ticket'));

    server.reset();
    const bare = server.url('/work?then=reset,ok&id=bare');
    await expect(fetch(bare, { ...order, idempotency: false })).rejects.toThrow('fetch failed');
    expect(seenKeys()).toEqual([undefined]);
  });

  test('a repeat sends nothing, also from another client, and the same key goes with every attempt of a call', async () => {
    const work = server.url('/work?then=503,ok&id=42');
    const [one, two] = [stack(), stack()];
    const first = await (await one.fetch(work, { ...order, requestId: 'order-42' })).text();
    expect(seenKeys()).toEqual(['order-42', 'order-42']);
    for (const { fetch } of [one, two]) {
      const again = await fetch(work, { ...order, requestId: 'order-42' });
      expect(again.url).toBe(work);
      expect(replayed(again)).toBe('true');
      expect(await again.text()).toBe(first);
    }
    expect(server.requests).toHaveLength(2);
  });

  test('the client face replays for a requestId, errors of the server included', async () => {
    const api = kyoa.create({ storage, baseUrl: server.origin });
    const post = (path: string, requestId: string): ResponsePromise<{ body: string }> =>
      api.post(path, { json: { item: 'a ticket' }, requestId });
    for (let n = 0; n < 2; n += 1) {
      expect((await post('/work?id=client', 'order-1').json()).body).toBe('{"item":"a ticket"}');
      const refused = await rejection(post('/ok?status=404&id=client', 'order-2'));
      expect(refused).toBeInstanceOf(HTTPError);
      expect((refused as HTTPError).response.headers.get('idempotency-replayed')).toBe(n === 0 ? null : 'true');
    }
    expect(seenKeys()).toEqual(['order-1', 'order-2']);
    await api.post('/ok', { json: {} });
    expect(seenKeys().at(-1)).toBeUndefined();
  });

  test('a body comes back byte by byte, with every header and cookie', async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xef, 0xbb, 0xbf]),
      Buffer.from(Uint8Array.from({ length: 256 }, (_, n) => n)),
    ]);
    await using far = await origin(({ answer }) => {
      answer.writeHead(201, 'Made', {
        'set-cookie': ['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2'],
        'content-encoding': 'gzip',
        'content-type': 'application/octet-stream',
      });
      answer.end(gzipSync(bytes));
    });
    const { fetch } = stack();
    const heads: unknown[] = [];
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(far.url, { ...order, requestId: 'k' });
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
      expect(response.headers.getSetCookie()).toEqual(['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2']);
      heads.push([response.status, response.statusText, response.headers.get('content-type')]);
    }
    expect(heads[1]).toEqual(heads[0]);
    expect(far.exchanges).toHaveLength(1);
  });

  test('a body above 1 MiB is handed over as it comes, unrecorded, and cancelled with its reader', async () => {
    const { fetch, events } = stack();
    for (const size of [1024 * 1024, 1024 * 1024 + 1]) {
      for (let n = 0; n < 2; n += 1) {
        const response = await fetch(server.url(`/ok?size=${size}`), { ...order, requestId: `of ${size}` });
        expect((await response.arrayBuffer()).byteLength).toBe(size);
      }
    }
    expect(server.requests).toHaveLength(3);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(2);

    // Chunked, so that nobody knows how much there is.
    const endless = await fetch(server.url('/endless?status=200&bytes=65536&gap=0'), {
      ...order,
      requestId: 'endless',
    });
    const reader = endless.body!.getReader();
    for (let read = 0; read < 2 * 1024 * 1024;) read += (await reader.read()).value!.byteLength;
    await reader.cancel();
    await server.until(({ aborted }) => aborted.length === 1);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(3);
  });

  test('an event stream passes as a stream, unrecorded, and the key is free again', async () => {
    const { fetch, events } = stack();
    const stream = server.url('/sse?events=1&then=stall');
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(stream, { ...order, requestId: 'k' });
      const reader = response.body!.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toContain('heartbeat');
      await reader.cancel();
    }
    await server.until(({ aborted }) => aborted.length === 2);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(2);
  });

  test('a body that breaks off fails its reader, is not recorded, and a repeat sends the same key', async () => {
    const { fetch, events } = stack();
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(server.url('/fin/amid-body'), { ...order, requestId: 'k' });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow('terminated');
    }
    expect(seenKeys()).toEqual(['k', 'k']);
    expect(events.filter(({ type }) => type === 'idempotency.unrecorded')).toHaveLength(2);
  });

  test('a caller who leaves while the server works aborts the request and frees the key', async () => {
    const { fetch } = stack();
    const leaving = new AbortController();
    const left = rejection(fetch(server.url('/blackhole'), { ...order, requestId: 'k', signal: leaving.signal }));
    await server.until(({ busy }) => busy.length === 1);
    leaving.abort('bye');
    expect(await left).toBe('bye');
    await server.until(({ aborted }) => aborted.length === 1);
    const again = fetch(server.url('/blackhole'), {
      ...order,
      requestId: 'k',
      idempotency: { conflict: 'throw' },
      signal: AbortSignal.timeout(10_000),
      timeout: { headers: 100 },
      retry: false,
    });
    await expect(again).rejects.toMatchObject({ code: 'TIMEOUT' }); // and not a conflict
    expect(seenKeys()).toEqual(['k', 'k']);
  });

  test('a caller who leaves amid the body frees the key', async () => {
    const { fetch } = stack();
    const leaving = new AbortController();
    const url = server.url('/stall/body');
    const left = rejection(fetch(url, { ...order, requestId: 'k', signal: leaving.signal }));
    await server.until(({ requests }) => requests[0]?.headSent === true);
    await settled();
    leaving.abort('bye');
    expect(await left).toBe('bye');
    await server.until(({ aborted }) => aborted.length === 1);
    await vi.waitUntil(async () => (await storage.get(`idempotency ["${server.origin}","k"]`)) === undefined);
  });
});

describe('a process', () => {
  test('ends by itself after a call, a repeat, a failure and a caller who left', async () => {
    const exit = await exitsByItself(`
      import { createServer } from 'node:http';
      import { createFetch, idempotency, memory } from './src/index.ts';
      const server = createServer((request, response) => {
        if (request.url === '/work') response.end('done');
        else if (request.url === '/cut') request.socket.destroy();
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const origin = 'http://127.0.0.1:' + server.address().port;
      const fetch = createFetch({ use: [idempotency()], storage: memory() });
      const call = (path, init) => fetch(origin + path, { method: 'POST', requestId: path, ...init });
      for (let n = 0; n < 2; n += 1) console.log(await (await call('/work')).text());
      await call('/cut').catch((error) => console.log(error.message));
      await call('/silent', { signal: AbortSignal.timeout(50) }).catch((error) => console.log(error.name));
      server.close();
      server.closeAllConnections();
      console.log('end');
    `);
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(exit.stdout.split('\n')).toEqual(['done', 'done', 'fetch failed', 'TimeoutError', 'end', '']);
    expect(exit.ms).toBeLessThan(3_000);
  });
});
