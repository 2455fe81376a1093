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

import { settled } from '../../support/origin.ts';

const url = 'http://shop.example/orders';
let storage: Storage;
/** How often the work was done. */
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

const replayed = (response: Response): string | null => response.headers.get('idempotency-replayed');

async function expectProblem(response: Response, status: number, title: string): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const type = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/';
  expect(await response.json()).toEqual({ type, title, status, detail: expect.stringMatching(/^[A-Z].{20,}/) });
}

/** Work that ends when the test says so. */
function slow(): { inner: () => Promise<Response>; begun: Promise<void>; end: () => void } {
  let [end, begin] = [(): void => {}, (): void => {}];
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<void>((resolve) => (end = resolve));
  const inner = async (): Promise<Response> => {
    begin();
    await ended;
    return work();
  };
  return { inner, begun, end };
}

describe('in a handler, idempotency', () => {
  test('does the work once for a key, and replays its answer', async () => {
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

  test('lets a request without a key pass, as often as it comes, and other methods', async () => {
    const handle = handler();
    await handle(post());
    await handle(post());
    for (let n = 0; n < 2; n += 1) await handle(new Request(url, { headers: { 'Idempotency-Key': 'k' } }));
    expect(done).toBe(4);
    expect((await handler({}, () => new Response(null)).with({ requestId: 'k' })(post())).status).toBe(200);
  });

  test('answers 400 where a key is required and missing, or unusable in any case', async () => {
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
  ])('answers 422 to another %s under the same key', async (_, other) => {
    const handle = handler();
    await handle(post({ key: 'k' }));
    await expectProblem(
      await handle(post({ key: 'k', ...other })),
      422,
      'Idempotency-Key was used for another request',
    );
    expect(done).toBe(1);
  });

  test('knows its own path whatever the host it is reached under, and no other path', async () => {
    const handle = handler();
    const at = (address: string): Request => new Request(address, post({ key: 'k' }));
    await handle(at('http://shop.example/orders?express=1'));
    expect(replayed(await handle(at('http://shop.internal:8080/orders?express=1')))).toBe('true');
    expect((await handle(at('http://shop.example/orders?express=2'))).status).toBe(422);
    expect((await handle(at('http://shop.example/refunds?express=1'))).status).toBe(422);
    expect(done).toBe(1);
  });

  test('takes a form that is sent again for the same, though its boundary is another', async () => {
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

  test('hands the request on unread', async () => {
    const handle = handler({}, async (request) => new Response(await request.text()));
    const body = 'x'.repeat(3 * 1024 * 1024);
    expect(await (await handle(post({ key: 'k', body }))).text()).toBe(body);
  });

  test('of 200 that come at once does the work for one, and answers 409 with Retry-After to the others', async () => {
    const { inner, begun, end } = slow();
    const handle = handler({}, inner);
    const first = handle(post({ key: 'k' }));
    await begun;
    const others = await Promise.all(Array.from({ length: 199 }, () => handle(post({ key: 'k' }))));
    for (const response of others) {
      expect(response.headers.get('retry-after')).toBe('1');
      await expectProblem(response, 409, 'A request with this key is under way');
    }
    end();
    expect((await first).status).toBe(201);
    expect(replayed(await handle(post({ key: 'k' })))).toBe('true');
    expect(done).toBe(1);
  });

  test('with conflict: wait gives all 200 the same answer', async () => {
    const { inner, begun, end } = slow();
    const handle = handler({ conflict: 'wait' }, inner);
    const all = Array.from({ length: 200 }, () => handle(post({ key: 'k' })));
    await begun;
    end();
    const answers = await Promise.all(all);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const bodies = await Promise.all(answers.map((response) => response.text()));
    expect(new Set(bodies)).toEqual(new Set(['{"order":1}']));
    expect(answers.filter((response) => replayed(response) === null)).toHaveLength(1);
    expect(done).toBe(1);
  });

  test('keeps the keys of two principals apart', async () => {
    const handle = handler();
    const orders: unknown[] = [];
    for (const user of ['ann', 'bob', undefined, 'ann', 'bob', undefined]) {
      const init = { key: 'k', body: `for ${user}`, ...(user && { user }) };
      orders.push(await (await handle(post(init))).json());
    }
    expect(orders).toEqual([1, 2, 3, 1, 2, 3].map((order) => ({ order })));
  });

  test('does not keep what Authorization says', async () => {
    const kept: string[] = [];
    const watching: Storage = {
      ...storage,
      set(key, value, options) {
        kept.push(key, value);
        return storage.set(key, value, options);
      },
    };
    await handler({ storage: watching })(post({ key: 'k', user: 'secret' }));
    expect(kept).toHaveLength(4);
    expect(kept.join()).not.toContain('secret');
  });

  test('keeps them apart by a scope of your own, which may look somebody up', async () => {
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
  ])('after %j does the work %i times for two requests', async (statuses, times) => {
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

  test('keeps a 500 when `when` says so', async () => {
    const handle = handler({ when: ({ response }) => response !== undefined }, () => {
      done += 1;
      return new Response('no', { status: 500 });
    });
    await handle(post({ key: 'k' }));
    expect(replayed(await handle(post({ key: 'k' })))).toBe('true');
    expect(done).toBe(1);
  });

  test('passes on what the work throws, and lets the next one try', async () => {
    const handle = handler({}, () => {
      if ((done += 1) === 1) throw new RangeError('out of stock');
      return new Response('made');
    });
    await expect(handle(post({ key: 'k' }))).rejects.toThrow('out of stock');
    expect(await (await handle(post({ key: 'k' }))).text()).toBe('made');
  });

  test('fails closed: without its storage nothing is done', async () => {
    await storage.close();
    await expect(handler()(post({ key: 'k' }))).rejects.toThrow(StorageError);
    expect(done).toBe(0);
    expect((await handler()(post())).status).toBe(201);
  });

  test('answers when the work is done and cannot be recorded', async () => {
    const handle = handler({}, async () => {
      await storage.close();
      return work();
    });
    expect(await (await handle(post({ key: 'k' }))).json()).toEqual({ order: 1 });
  });

  test('does the work to its end though its client leaves, and the repeat replays it', async () => {
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

  test('does the work to its end though a limit further out runs out', async () => {
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

  test('gives up the key when a limit further in ends the work', async () => {
    const aborted: boolean[] = [];
    const handle = createHandler({ use: [idempotency({ storage }), timeout(50)] }, async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.push(signal.aborted);
      return work();
    });
    for (let n = 0; n < 2; n += 1) await expect(handle(post({ key: 'k' }))).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(aborted).toEqual([true, true]);
  });

  test('waits no longer for a client who has left, and begins nothing for one', async () => {
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
    for (let n = 0; n < 3; n += 1) await handle(post({ key: 'k' })); // by now it would have been done
    expect(done).toBe(1);
  });
});

describe('in a handler, a lease', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('lasts as long as the work does, and a minute beyond a crash', async () => {
    const { inner, begun, end } = slow();
    const first = handler({}, inner)(post({ key: 'k' }));
    await begun;
    await vi.advanceTimersByTimeAsync(600_000);
    expect((await handler()(post({ key: 'k' }))).status).toBe(409);

    const now = Date.now();
    vi.clearAllTimers(); // it is frozen, or dead
    vi.setSystemTime(now); // which that has set back
    vi.advanceTimersByTime(40_000);
    expect((await handler()(post({ key: 'k' }))).status).toBe(409);
    vi.advanceTimersByTime(20_000);
    const successor = slow();
    const second = handler({}, successor.inner)(post({ key: 'k' }));
    await successor.begun;
    end(); // it was not dead: what its successor records is the answer for its client, too
    await settled();
    successor.end();
    expect((await second).status).toBe(201);
    await vi.advanceTimersByTimeAsync(1_000);
    const late = await first;
    expect(await late.text()).toBe(await (await second).text());
    expect(replayed(late)).toBe('true');
  });
});
