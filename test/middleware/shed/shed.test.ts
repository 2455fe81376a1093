/** `shed`: what it refuses, by concurrency and by the wait for the event loop, and how the refusal looks. */
import {
  createHandler,
  createFetch,
  observe,
  shed,
  type KyoaEvent,
  type KyoaHandler,
  type Shedder,
  type ShedOptions,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { url } from '../../support/http.ts';
import { deferred, delayed, reasonOf, type Deferred } from '../../support/promises.ts';

interface Server {
  readonly handle: KyoaHandler;
  readonly policy: Shedder;
  readonly events: KyoaEvent[];
}

function server(options: ShedOptions, work: (request: Request) => Response | Promise<Response>): Server {
  const events: KyoaEvent[] = [];
  const policy = shed(options);
  const use = [observe((event) => event.type === 'shed.rejected' && events.push(event)), policy];
  return { handle: createHandler({ use }, work), policy, events };
}

/** A handler whose requests run until the test lets them end. Its event loop counts as quiet, however busy the machine is. */
function held(options: ShedOptions): Server & { readonly running: Deferred<Response>[] } {
  const running: Deferred<Response>[] = [];
  return {
    running,
    ...server({ target: Infinity, interval: Infinity, ...options }, () => {
      const work = deferred<Response>();
      running.push(work);
      return work.promise;
    }),
  };
}

const request = (priority?: string, signal?: AbortSignal): Request =>
  new Request(url, { ...(priority !== undefined && { headers: { priority } }), ...(signal && { signal }) });

describe('a handler with a limit', () => {
  test('refuses what is above it with a 503, before any work', async () => {
    const { handle, running, events } = held({ min: 2, max: 2, random: () => 0 });
    const first = [handle(request()), handle(request())];
    const response = await handle(request());
    expect([response.status, running.length]).toEqual([503, 2]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toEqual({
      title: 'The server is overloaded',
      detail: 'Try again in 1 s.',
      status: 503,
    });
    expect(events).toMatchObject([{ type: 'shed.rejected', reason: 'concurrency', urgency: 3 }]);
    for (const work of running) work.resolve(new Response('done'));
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    const next = handle(request());
    running[2]!.resolve(new Response('done'));
    expect((await next).status).toBe(200);
  });

  test('spreads the Retry-After over whole seconds up to its longest', async () => {
    const draws = [0, 0.24, 0.25, 0.5, 0.999];
    const { handle, running } = held({ min: 1, max: 1, retryAfter: 4_000, random: () => draws.shift()! });
    void handle(request());
    const fields: (string | null)[] = [];
    while (draws.length > 0) fields.push((await handle(request())).headers.get('retry-after'));
    expect(fields).toEqual(['1', '1', '2', '3', '4']);
    running[0]!.resolve(new Response());
  });

  test('counts a request until its handler has failed, or, after its client has left, for a minute', async () => {
    vi.useFakeTimers();
    const { handle, running, policy } = held({ min: 1, max: 1 });
    const failing = reasonOf(handle(request()));
    running[0]!.reject(new RangeError('broken'));
    expect(await failing).toMatchObject({ message: 'broken' });
    expect(policy.snapshot().running).toBe(0);

    const client = new AbortController();
    const leaving = reasonOf(handle(request(undefined, client.signal)));
    expect(policy.snapshot().running).toBe(1);
    client.abort(new Error('gone'));
    await vi.advanceTimersByTimeAsync(59_999);
    expect([(await handle(request())).status, policy.snapshot().running]).toEqual([503, 1]); // its work goes on
    await vi.advanceTimersByTimeAsync(1);
    expect(policy.snapshot().running).toBe(0);
    running[1]!.resolve(new Response());
    await leaving;
    expect(policy.snapshot().running).toBe(0);

    const another = new AbortController();
    const late = reasonOf(handle(request(undefined, another.signal)));
    another.abort(new Error('gone'));
    running[2]!.resolve(new Response());
    await late;
    await vi.advanceTimersByTimeAsync(0);
    expect([policy.snapshot().running, vi.getTimerCount()]).toEqual([0, 0]);
    vi.useRealTimers();
  });

  test('admits a call with shed: false, and does not count it', async () => {
    const { handle, running, policy } = held({ min: 1, max: 1 });
    void handle(request());
    void handle.with({ shed: false })(request());
    expect([running.length, policy.snapshot().running]).toEqual([2, 1]);
    for (const work of running) work.resolve(new Response());
  });

  test('shows its state', () => {
    const { policy } = held({});
    expect(policy.snapshot()).toEqual({ running: 0, concurrency: 20, delay: 0 });
  });
});

describe('urgency', () => {
  const ten = { min: 10, max: 10, reserve: 0.2, target: Infinity, interval: Infinity };
  /** How many of 20 requests with each of the fields are admitted, one after another. */
  async function admitted(options: ShedOptions, ...priorities: (string | undefined)[]): Promise<number[]> {
    const { handle, running } = held({ ...ten, ...options });
    const counts: number[] = [];
    for (const priority of priorities) {
      const before = running.length;
      for (let n = 0; n < 20; n += 1) void handle(request(priority));
      counts.push(running.length - before);
    }
    for (const work of running) work.resolve(new Response());
    return counts;
  }

  test('of RFC 9218 leaves a request that is lowered no part of the reserve', async () => {
    expect(await admitted({}, 'u=5', undefined)).toEqual([8, 2]);
    expect(await admitted({}, undefined)).toEqual([10]);
  });

  test('only lowers: a client cannot raise itself', async () => {
    expect(await admitted({ urgency: () => 3 }, 'u=0', 'u=0, i')).toEqual([8, 0]);
  });

  test('of the function gives 0 the reserve, regardless of what the others send', async () => {
    const urgency: ShedOptions['urgency'] = (ctx) => (ctx.header('priority') === 'i' ? 0 : 3);
    expect(await admitted({ urgency }, undefined, 'u=7', 'i')).toEqual([8, 0, 2]);
  });

  test.for(['u=8', 'u=-1', 'u=5.0', 'u="7"', 'U=7', 'xu=7', 'u', '', 'u=7 x', 'u=1, u=9'])(
    'ignores the malformed or unknown field %j',
    async (priority) => {
      expect(await admitted({}, priority)).toEqual([10]);
    },
  );

  test.for(['u=4', 'i, u=7', 'u=7;x=1', 'u=1, u=6', 'a=1,\tu=5'])('reads %j', async (priority) => {
    expect(await admitted({}, priority)).toEqual([8]);
  });

  test('never keeps the last place from the others', async () => {
    expect(await admitted({ min: 1, max: 1 }, 'u=7')).toEqual([1]);
  });

  test('of a function is checked', async () => {
    const { handle } = server({ urgency: () => 9 }, () => new Response());
    await expect(handle(request())).rejects.toThrow('the result of shed urgency must be an urgency, 0 to 7, got 9');
  });
});

describe('the learned limit', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A pool: so many requests are served at a time, `ms` each, and the others wait for it in the handler. */
  function pool(size: number, serviceTime: () => number): () => Promise<Response> {
    let free = size;
    const waiting: (() => void)[] = [];
    return async () => {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      else free -= 1;
      await delayed(undefined, serviceTime());
      const next = waiting.shift();
      if (next) next();
      else free += 1;
      return new Response('done');
    };
  }
  /** Sends so many requests a second, for so many seconds; the counts are those of the last `of` seconds. */
  async function load({ handle }: Server, rate: number, seconds: number, of = seconds) {
    let [good, refused, slowest] = [0, 0, 0];
    const begin = performance.now() + 1_000 * (seconds - of);
    const pending: Promise<void>[] = [];
    for (let n = 0; n < rate * seconds; n += 1) {
      const started = performance.now();
      pending.push(
        handle(request()).then(({ status }) => {
          if (started < begin) return;
          if (status === 503) refused += 1;
          else {
            good += 1;
            slowest = Math.max(slowest, performance.now() - started);
          }
        }),
      );
      await vi.advanceTimersByTimeAsync(1_000 / rate);
    }
    await vi.runAllTimersAsync();
    await Promise.all(pending);
    return { good: good / of, refused: refused / of, slowest };
  }

  test('keeps a pool at three times its capacity busy, and its queue short', async () => {
    const { good, slowest } = await load(
      server(
        {},
        pool(8, () => 40),
      ),
      600,
      12,
      8,
    );
    expect(good).toBeGreaterThan(0.9 * 200); // 8 at a time, 40 ms each
    expect(slowest).toBeLessThanOrEqual(2 * 40);
  });

  test('refuses no request at half of the capacity', async () => {
    expect(
      await load(
        server(
          {},
          pool(8, () => 40),
        ),
        100,
        5,
      ),
    ).toEqual({ good: 100, refused: 0, slowest: 40 });
  });

  test('finds the latency without a queue although it has begun under overload', async () => {
    const own = server(
      {},
      pool(2, () => 40),
    );
    await load(own, 200, 10);
    expect(own.policy.snapshot().latency).toBeLessThan(50);
    expect(own.policy.snapshot().concurrency).toBeLessThan(8);
  });

  test('follows a server that becomes slower for good', async () => {
    let ms = 20;
    const own = server(
      {},
      pool(8, () => ms),
    );
    await load(own, 600, 3);
    ms = 60;
    const { good } = await load(own, 400, 12, 4);
    expect(good).toBeGreaterThan(0.85 * (8_000 / 60));
    expect(own.policy.snapshot().latency).toBeGreaterThan(45);
  });

  test('takes quick failures for no reason to grow, and slow ones for overload', async () => {
    const own = server({}, () => delayed(new Response('', { status: 500 }), 1));
    await load(own, 500, 2);
    expect(own.policy.snapshot()).toEqual({ running: 0, concurrency: 20, delay: 0 });
  });
});

describe('the wait for the event loop', () => {
  /** The clock moves while code runs, and the timers fire in the next turn: as under synchronous load. */
  let clock = 0;
  const block = (ms: number): void => void (clock += ms);
  beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => clock));
  afterEach(() => void vi.restoreAllMocks());

  /** All in one turn of the loop: a server reads what has arrived meanwhile before it runs a timer. */
  const burst = async ({ handle }: Server, count: number): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, () => handle(request()).then(({ status }) => status)));
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
  const admitted = (statuses: readonly number[]): number => statuses.filter((status) => status === 200).length;
  const busy = (ms: number, options: ShedOptions = {}): Server =>
    server(options, () => {
      block(ms);
      return new Response('done');
    });

  test('admits a burst up to the interval, although no timer can fire in between', async () => {
    const own = busy(10, { target: 5, interval: 55 });
    const statuses = await burst(own, 20);
    expect(admitted(statuses)).toBe(6);
    expect(own.events.every((event) => event.type === 'shed.rejected' && event.reason === 'delay')).toBe(true);
  });

  /** Bursts between which the loop has no rest. */
  const overload = async (own: Server): Promise<number[]> => {
    const counts: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      counts.push(admitted(await burst(own, 20)));
      await turn();
    }
    return counts;
  };

  test('admits fewer and fewer while the loop has no rest, down to those within the target', async () => {
    const own = busy(10, { target: 5, interval: 55 });
    expect(await overload(own)).toEqual([6, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test('admits a burst for as long as the loop has rested, and no longer than the interval', async () => {
    const own = busy(10, { target: 5, interval: 55 });
    for (const [rest, most] of [
      [3, 1],
      [29, 3],
      [54, 6],
      [1_000, 6],
    ] as const) {
      await overload(own);
      block(rest); // nothing comes
      expect(admitted(await burst(own, 20))).toBe(most);
      await turn();
    }
  });

  test('stays strict when the queue is empty for a moment again and again', async () => {
    const own = busy(10, { target: 5, interval: 55 });
    await overload(own);
    for (let n = 0; n < 20; n += 1) {
      block(1);
      expect(admitted(await burst(own, 20))).toBe(1);
      await turn();
    }
  });

  test('lets the most urgent wait for the interval even then', async () => {
    const own = busy(10, { target: 5, interval: 55, urgency: ({ url }) => (url.endsWith('urgent') ? 0 : 3) });
    await overload(own);
    const statuses = ['', 'urgent', ''].map(async (path) => (await own.handle(new Request(`${url}${path}`))).status);
    expect(await Promise.all(statuses)).toEqual([200, 200, 503]);
  });

  test('holds no timer that keeps a process alive, and none without requests', async () => {
    const own = busy(0);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    await burst(own, 3);
    const set = timers.mock.results.map(({ value }) => value as NodeJS.Timeout);
    timers.mockRestore();
    expect(set).toHaveLength(1);
    expect(set[0]!.hasRef()).toBe(false);
    await turn();
    expect(own.policy.snapshot().delay).toBe(0);
  });
});

test('a client refuses it, because only a handler can shed', async () => {
  const fetch = createFetch({ use: [shed()], fetch: async () => new Response() });
  expect(await reasonOf(fetch(url))).toMatchObject({
    code: 'INVALID_OPTION',
    message: 'shed is for a handler; use limit({ concurrency: aimd() }) in a client',
  });
});

test('on Workers it has no effect: no request there may count another one', async () => {
  vi.stubGlobal('WebSocketPair', () => {});
  try {
    const { handle, running } = held({ min: 1, max: 1 });
    for (let n = 0; n < 3; n += 1) void handle(request());
    expect(running).toHaveLength(3);
    for (const work of running) work.resolve(new Response());
  } finally {
    vi.unstubAllGlobals();
  }
});

test.each<[ShedOptions, string]>([
  [{ min: 0 }, 'shed min must be a whole number of 1 or more, got 0'],
  [{ min: 5, max: 4 }, 'shed max must be a whole number of 5 or more, got 4'],
  [{ tolerance: 1 }, 'shed tolerance must be a number above 1, got 1'],
  [{ target: 0 }, 'shed target must be a number of milliseconds above 0, got 0'],
  [{ interval: -1 }, 'shed interval must be a number of milliseconds above 0, got -1'],
  [{ reserve: 2 }, 'shed reserve must be a number from 0 to 1, got 2'],
  [{ retryAfter: 0 }, 'shed retryAfter must be a number of milliseconds above 0, got 0'],
  [{ urgency: 3 as never }, 'shed urgency must be a function, got 3'],
  [
    { limit: 3 } as never,
    'shed has no option limit; it has min, max, tolerance, target, interval, urgency, reserve, retryAfter, random',
  ],
])('%o is refused: %s', (options, message) => {
  expect(() => shed(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }));
});
