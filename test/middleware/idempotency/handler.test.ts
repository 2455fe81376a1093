import {
  createHandler,
  idempotency,
  memory,
  observe,
  StorageError,
  timeout,
  type IdempotencyOptions,
  type KyoaEvent,
  type KyoaHandler,
  type Storage,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { settled, until } from '../../support/origin.ts';
import { deferred } from '../../support/promises.ts';
import { replayed } from './order.ts';

const url = 'http://shop.example/orders';
let storage: Storage;
/** How many times the handler has done its work. */
let done: number;

beforeEach(() => {
  storage = memory();
  done = 0;
});

interface Post extends RequestInit {
  readonly key?: string;
  readonly user?: string;
}

function post({ key, user, headers, ...init }: Post = {}): Request {
  const all = new Headers(headers);
  if (key !== undefined) all.set('Idempotency-Key', key);
  if (user !== undefined) all.set('Authorization', `Bearer ${user}`);
  return new Request(url, { method: 'POST', body: 'one ticket', headers: all, ...init });
}

const work = (): Response => Response.json({ order: (done += 1) }, { status: 201 });

function handler(
  options: IdempotencyOptions = {},
  inner: (request: Request) => Response | Promise<Response> = work,
): KyoaHandler {
  return createHandler({ use: [idempotency({ storage, ...options })] }, inner);
}

async function expectProblem(response: Response, status: number, title: string): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const type = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/';
  expect(await response.json()).toEqual({ type, title, status, detail: expect.stringMatching(/^[A-Z].{20,}/) });
}

/** A handler that begins and ends its work under the control of the test. */
function slow(): { inner: () => Promise<Response>; begun: Promise<void>; end: () => void } {
  const [begun, ended] = [deferred(), deferred()];
  const inner = async (): Promise<Response> => {
    begun.resolve();
    await ended.promise;
    return work();
  };
  return { inner, begun: begun.promise, end: ended.resolve };
}

function broken(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(10));
    },
    pull(controller) {
      controller.error(new Error('The database has gone'));
    },
  });
}

describe('idempotency in a handler', () => {
  test('runs the handler once for a key, and replays its response', async () => {
    const events: KyoaEvent[] = [];
    const handle = createHandler({ use: [observe((event) => events.push(event)), idempotency({ storage })] }, work);
    const first = await handle(post({ key: 'k' }));
    expect(first.status).toBe(201);
    expect(replayed(first)).toBeNull();
    expect(await first.json()).toEqual({ order: 1 });
    for (const key of ['k', '"k"', '"k";a=1']) {
      const again = await handle(post({ key }));
      expect(again.status).toBe(201);
      expect(again.headers.get('content-type')).toBe('application/json');
      expect(replayed(again)).toBe('true');
      expect(await again.json()).toEqual({ order: 1 });
    }
    expect(done).toBe(1);
    expect(events.filter(({ type }) => type === 'idempotency.replayed')).toHaveLength(3);
  });

  test('passes on each request without a key, and each request with another method', async () => {
    const handle = handler();
    await handle(post());
    await handle(post());
    for (let n = 0; n < 2; n += 1) await handle(new Request(url, { headers: { 'Idempotency-Key': 'k' } }));
    expect(done).toBe(4);
    expect((await handler({}, () => new Response(null)).with({ requestId: 'k' })(post())).status).toBe(200);
  });

  test('responds with 400 to a missing key that is required, and to every unusable key', async () => {
    const title = 'Idempotency-Key is missing or unusable';
    await expectProblem(await handler({ required: true })(post()), 400, title);
    for (const key of ['', '""', 'k'.repeat(256)]) {
      for (const required of [false, true]) await expectProblem(await handler({ required })(post({ key })), 400, title);
    }
    expect((await handler({ required: true })(post({ key: 'k'.repeat(255) }))).status).toBe(201);
    await expectProblem(
      await handler({ header: 'X-Key', required: true })(post({ key: 'k' })),
      400,
      'X-Key is missing or unusable',
    );
    expect(done).toBe(1);
  });

  test.each([
    ['body', { body: 'two tickets' }],
    ['method', { method: 'PATCH' }],
  ])('responds with 422 to another %s under the same key', async (_, other) => {
    const handle = handler();
    await handle(post({ key: 'k' }));
    await expectProblem(
      await handle(post({ key: 'k', ...other })),
      422,
      'Idempotency-Key was used for another request',
    );
    expect(done).toBe(1);
  });

  test('recognises a repeat by its path and query, under any host of one scope', async () => {
    const handle = handler({ scope: () => 'everyone' });
    const at = (address: string): Request => new Request(address, post({ key: 'k' }));
    await handle(at('http://shop.example/orders?express=1'));
    expect(replayed(await handle(at('http://shop.internal:8080/orders?express=1')))).toBe('true');
    expect((await handle(at('http://shop.example/orders?express=2'))).status).toBe(422);
    expect((await handle(at('http://shop.example/refunds?express=1'))).status).toBe(422);
    expect(done).toBe(1);
  });

  test('recognises a form that is sent again with another boundary', async () => {
    const handle = handler({}, async (request) => Response.json({ name: (await request.formData()).get('name') }));
    const form = (name: string): FormData => {
      const data = new FormData();
      data.set('name', name);
      return data;
    };
    const [first, again] = [
      await handle(post({ key: 'k', body: form('a') })),
      await handle(post({ key: 'k', body: form('a') })),
    ];
    expect(await first.json()).toEqual({ name: 'a' });
    expect(replayed(again)).toBe('true');
    expect((await handle(post({ key: 'k', body: form('b') }))).status).toBe(422);
  });

  test('passes on the request with its body unread', async () => {
    const handle = handler({}, async (request) => new Response(await request.text()));
    const body = 'x'.repeat(3 * 1024 * 1024);
    expect(await (await handle(post({ key: 'k', body }))).text()).toBe(body);
  });

  test('runs the handler for one of 200 concurrent requests, and responds with 409 and Retry-After to the others', async () => {
    const { inner, begun, end } = slow();
    const handle = handler({}, inner);
    const first = handle(post({ key: 'k' }));
    await begun;
    const others = await Promise.all(Array.from({ length: 199 }, () => handle(post({ key: 'k' }))));
    for (const response of others) {
      expect(response.headers.get('retry-after')).toBe('1');
      await expectProblem(response, 409, 'A request with this key is in progress');
    }
    end();
    expect((await first).status).toBe(201);
    expect(replayed(await handle(post({ key: 'k' })))).toBe('true');
    expect(done).toBe(1);
  });

  test('gives 200 concurrent requests the same response with conflict: wait', async () => {
    const { inner, begun, end } = slow();
    const handle = handler({ conflict: 'wait' }, inner);
    const all = Array.from({ length: 200 }, () => handle(post({ key: 'k' })));
    await begun;
    end();
    const responses = await Promise.all(all);
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201]));
    const bodies = await Promise.all(responses.map((response) => response.text()));
    expect(new Set(bodies)).toEqual(new Set(['{"order":1}']));
    expect(responses.filter((response) => replayed(response) === null)).toHaveLength(1);
    expect(done).toBe(1);
  });

  test('separates the keys of two users by their Authorization header', async () => {
    const handle = handler();
    const orders: unknown[] = [];
    for (const user of ['ann', 'bob', undefined, 'ann', 'bob', undefined]) {
      const init = { key: 'k', body: `for ${user}`, ...(user && { user }) };
      orders.push(await (await handle(post(init))).json());
    }
    expect(orders).toEqual([1, 2, 3, 1, 2, 3].map((order) => ({ order })));
  });

  test('separates keys by the scope option, which may look up the user', async () => {
    const users: Record<string, string> = { token1: 'ann', token2: 'ann', token3: 'bob' };
    const handle = handler({
      scope: async ({ request }) => users[request.headers.get('authorization')?.slice('Bearer '.length) ?? ''],
    });
    for (const user of Object.keys(users)) await handle(post({ key: 'k', user }));
    expect(done).toBe(2);
  });

  test.each([
    [[200, 201, 204, 302, 400, 404, 410, 422], 1],
    [[408, 409, 425, 429, 500, 502, 503], 2],
  ])('after a status of %j runs the handler %i times for two requests', async (statuses, times) => {
    for (const status of statuses) {
      done = 0;
      const handle = handler({}, () => {
        done += 1;
        return new Response(null, { status });
      });
      for (let n = 0; n < 2; n += 1) expect((await handle(post({ key: `k${status}` }))).status).toBe(status);
      expect([status, done]).toEqual([status, times]);
    }
  });

  test('stores a 500 if `when` returns true', async () => {
    const handle = handler({ when: ({ response }) => response !== undefined }, () => {
      done += 1;
      return new Response('no', { status: 500 });
    });
    await handle(post({ key: 'k' }));
    expect(replayed(await handle(post({ key: 'k' })))).toBe('true');
    expect(done).toBe(1);
  });

  test.each<[string, () => Response]>([
    ['a body above 1 MiB', () => new Response('x'.repeat(1024 * 1024 + 1), { status: 201 })],
    ['an event stream', () => new Response('data: x', { headers: { 'content-type': 'text/event-stream' } })],
    ['a body that breaks off', () => new Response(broken(), { status: 201 })],
  ])(
    'responds to a repeat of a request whose response has %s with a 409, and runs the handler once',
    async (_, respond) => {
      const handle = handler({}, () => {
        done += 1;
        return respond();
      });
      const first = await handle(post({ key: 'k' }));
      expect(first.ok).toBe(true);
      await first.text().catch(() => {});
      const again = await handle(post({ key: 'k' }));
      expect(again.headers.get('retry-after')).toBeNull();
      await expectProblem(again, 409, 'The request with this key was executed');
      expect((await handle(post({ key: 'k', body: 'two tickets' }))).status).toBe(422);
      expect(done).toBe(1);
    },
  );

  test('rejects with the error that the handler throws, and runs it again for the next request', async () => {
    const handle = handler({}, () => {
      if ((done += 1) === 1) throw new RangeError('out of stock');
      return new Response('made');
    });
    await expect(handle(post({ key: 'k' }))).rejects.toThrow('out of stock');
    expect(await (await handle(post({ key: 'k' }))).text()).toBe('made');
  });

  test('rejects before the handler runs if its storage is down', async () => {
    await storage.close();
    await expect(handler()(post({ key: 'k' }))).rejects.toThrow(StorageError);
    expect(done).toBe(0);
    expect((await handler()(post())).status).toBe(201);
  });

  test('serves all others when one caller has sent more keys than the storage holds', async () => {
    storage = memory({ maxEntries: 10 });
    const handle = handler();
    const sent = Array.from({ length: 12 }, (_, n) => handle(post({ key: `${n}`, user: 'stranger' })));
    const refused = (await Promise.allSettled(sent)).filter(({ status }) => status === 'rejected');
    expect(refused.map((one) => (one as PromiseRejectedResult).reason as unknown)).toEqual(
      Array.from({ length: 7 }, () => expect.any(StorageError) as unknown),
    );
    expect((await handle(post({ key: 'k', user: 'ann' }))).status).toBe(201);
    expect(replayed(await handle(post({ key: 'k', user: 'ann' })))).toBe('true');
  });

  test('runs the handler to its end when the client aborts, and replays its response to the repeat', async () => {
    let aborted: boolean | undefined;
    const { inner, begun, end } = slow();
    const handle = createHandler({ use: [idempotency({ storage })] }, async (_request, ctx) => {
      const response = await inner();
      aborted = ctx.signal.aborted;
      return response;
    });
    const leaving = new AbortController();
    const left = handle(post({ key: 'k', signal: leaving.signal }));
    await begun;
    leaving.abort('gone');
    await expect(left).rejects.toBe('gone');
    expect((await handle(post({ key: 'k' }))).status).toBe(409);
    end();
    await vi.waitUntil(() => aborted !== undefined);
    await settled();
    const again = await handle(post({ key: 'k' }));
    expect(await again.json()).toEqual({ order: 1 });
    expect(replayed(again)).toBe('true');
    expect(aborted).toBe(false);
  });

  test('runs the handler to its end when an outer time limit expires', async () => {
    const { inner, begun, end } = slow();
    const handle = createHandler({ use: [timeout(50), idempotency({ storage })] }, inner);
    const late = handle(post({ key: 'k' }));
    await begun;
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT' });
    end();
    await settled();
    expect(replayed(await handle(post({ key: 'k' })))).toBe('true');
    expect(done).toBe(1);
  });

  test('frees the key when an inner time limit ends the handler', async () => {
    const aborted: boolean[] = [];
    const handle = createHandler({ use: [idempotency({ storage }), timeout(50)] }, async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.push(signal.aborted);
      return work();
    });
    for (let n = 0; n < 2; n += 1) await expect(handle(post({ key: 'k' }))).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(aborted).toEqual([true, true]);
  });

  test('stops waiting when the client aborts, and runs no handler for a client that has aborted', async () => {
    const { inner, begun, end } = slow();
    const handle = handler({ conflict: 'wait' }, inner);
    const first = handle(post({ key: 'k' }));
    await begun;
    const leaving = new AbortController();
    const waiting = handle(post({ key: 'k', signal: leaving.signal }));
    await settled();
    leaving.abort('gone');
    await expect(waiting).rejects.toBe('gone');
    end();
    await first;
    const leavingAgain = new AbortController();
    const scope = (): string => {
      leavingAgain.abort('gone, too');
      return '';
    };
    const gone = handler({ scope })(post({ key: 'other', signal: leavingAgain.signal }));
    await expect(gone).rejects.toBe('gone, too');
    for (let n = 0; n < 3; n += 1) await handle(post({ key: 'k' })); // enough time for the handler to run
    expect(done).toBe(1);
  });
});

describe('the lease of idempotency in a handler', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('lasts until the handler ends, and a minute after a crash', async () => {
    const { inner, begun, end } = slow();
    const first = handler({}, inner)(post({ key: 'k' }));
    await begun;
    await vi.advanceTimersByTimeAsync(600_000);
    expect((await handler()(post({ key: 'k' }))).status).toBe(409);

    const now = Date.now();
    vi.clearAllTimers(); // the process is frozen or dead
    vi.setSystemTime(now); // clearAllTimers() sets the clock back
    vi.advanceTimersByTime(40_000);
    expect((await handler()(post({ key: 'k' }))).status).toBe(409);
    vi.advanceTimersByTime(20_000);
    const successor = slow();
    const second = handler({}, successor.inner)(post({ key: 'k' }));
    await until(() => vi.getTimerCount() === 1);
    await vi.advanceTimersByTimeAsync(20_000); // it watches
    await successor.begun;
    end(); // the process was only frozen: its client gets the response that its successor stores
    await settled();
    successor.end();
    expect((await second).status).toBe(201);
    await vi.advanceTimersByTimeAsync(1_000);
    const late = await first;
    expect(await late.text()).toBe(await (await second).text());
    expect(replayed(late)).toBe('true');
  });

  test('lasts while a response cannot be stored, which its client then gets', async () => {
    const pending = handler({}, async () => {
      await storage.close();
      return work();
    })(post({ key: 'k' }));
    await until(() => done === 1);
    await settled();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await (await pending).json()).toEqual({ order: 1 });
  });
});
