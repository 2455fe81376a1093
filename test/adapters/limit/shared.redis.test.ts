/** Shared limits on a real Redis. Each client is a process of the fleet: it has a name of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { Redis } from 'ioredis';
import {
  announced,
  createFetch,
  limit,
  LimitError,
  observe,
  timeout,
  type Across,
  type KyoaEvent,
  type LimitOptions,
  type Middleware,
} from 'kyoa';
import { shared, type SharedOptions } from 'kyoa/redis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { exitsByItself } from '../../support/sockets.ts';
import { delayed, outcomeOf } from '../../support/promises.ts';
import { root } from '../../support/lanes.ts';
import { startRedis, type RedisServer } from '../../support/redis.ts';
import { url } from '../../support/http.ts';

let server: RedisServer;
let ends: (() => void)[] = [];

beforeAll(async () => {
  server = await startRedis('--appendonly', 'yes');
});
afterAll(() => server.stop());
beforeEach(async () => {
  const client = await connect();
  await client.flushAll();
});
afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

async function connect() {
  const client = createClient({ url: server.url });
  client.on('error', () => {});
  await client.connect();
  ends.push(() => client.destroy());
  return client;
}

interface Member {
  readonly call: (query?: string) => Promise<Response>;
  /** When the transport received the calls, ms on the clock of `performance.now()`. */
  readonly starts: number[];
  readonly events: KyoaEvent[];
}

interface MemberOptions extends Omit<LimitOptions, 'across'> {
  readonly respond?: (init?: RequestInit) => Promise<Response>;
  readonly outside?: Middleware[];
  readonly inCommon?: SharedOptions;
  readonly across?: Across;
}

async function member({ respond, outside = [], inCommon, across, ...options }: MemberOptions): Promise<Member> {
  const starts: number[] = [];
  const events: KyoaEvent[] = [];
  const store = across ?? shared(await connect(), inCommon);
  const policy = limit({ queue: Infinity, ...options, across: store });
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), ...outside, policy],
    fetch: async (_, init) => {
      starts.push(performance.now());
      return respond ? respond(init) : new Response(null);
    },
  });
  return { call: (query = '') => fetch(url + query), starts, events };
}

/** Calls `count` at a time for so many ms. */
async function load({ call }: Member, count: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) await call();
  };
  await Promise.all(Array.from({ length: count }, loop));
}

function most(starts: readonly number[], window: number): number {
  const sorted = starts.toSorted((a, b) => a - b);
  return Math.max(0, ...sorted.map((end) => sorted.filter((start) => start <= end && start > end - window).length));
}

const allStarts = (members: readonly Member[]): number[] => members.flatMap(({ starts }) => starts);
const local = (members: readonly Member[]): KyoaEvent[] =>
  members.flatMap(({ events }) => events.filter(({ type }) => type === 'limit.local'));

describe('a rate that processes share', () => {
  const rate = { count: 100, window: 1_000 };
  /**
   * Each on its own, the four would start 400 calls a second. All have one event loop here, so that a late turn starts the slices
   * of all of them together; `npm run proof:limit` holds the exact bound.
   */
  const bound = 150;

  test('is kept by all of them together', async () => {
    const members = await Promise.all([1, 2, 3, 4].map(() => member({ rate })));
    await Promise.all(members.map((one) => load(one, 10, 2_500)));
    expect(most(allStarts(members), 1_000)).toBeLessThanOrEqual(bound);
    expect(allStarts(members).length).toBeGreaterThan(180);
    expect(local(members)).toEqual([]);
  }, 20_000);

  test('is kept exactly in slices of one', async () => {
    const members = await Promise.all(
      [1, 2].map(() => member({ rate: { count: 20, window: 1_000 }, inCommon: { slice: 1 } })),
    );
    await Promise.all(members.map((one) => load(one, 5, 2_200)));
    expect(most(allStarts(members), 990)).toBeLessThanOrEqual(20 + 2);
    expect(allStarts(members).length).toBeGreaterThan(30);
  }, 20_000);

  test('is served by ioredis, too', async () => {
    const client = new Redis(server.url);
    client.on('error', () => {});
    ends.push(() => client.disconnect());
    const one = await member({ rate, across: shared(client) });
    const other = await member({ rate });
    await Promise.all([load(one, 10, 1_500), load(other, 10, 1_500)]);
    expect(most(allStarts([one, other]), 1_000)).toBeLessThanOrEqual(bound);
    expect(one.starts.length).toBeGreaterThan(20);
    expect(other.starts.length).toBeGreaterThan(20);
  }, 20_000);

  test('costs no round trip for most calls', async () => {
    const client = await connect();
    let commands = 0;
    const counting = {
      eval: (...args: Parameters<typeof client.eval>) => client.eval(...args),
      evalSha: (...args: Parameters<typeof client.evalSha>) => {
        commands += 1;
        return client.evalSha(...args);
      },
    };
    const one = await member({ rate: { count: 10_000, window: 1_000 }, across: shared(counting) });
    await load(one, 100, 1_000);
    expect(one.starts.length).toBeGreaterThan(200);
    expect(commands).toBeLessThan(one.starts.length / 5);
  }, 20_000);

  test('gives the units back that a process has reserved and not used', async () => {
    const options = { rate: { count: 20, window: 20_000 }, inCommon: { slice: 10 } };
    const [busy, idle] = [await member(options), await member(options)];
    // It reserves 7 or 9 units of the 10 that are free, and uses 3. Another unit takes a second.
    for (let n = 0; n < 3; n += 1) await idle.call();
    await delayed(undefined, 500);
    const all = Array.from({ length: 4 }, () => busy.call());
    await Promise.race([Promise.all(all), delayed(undefined, 1_500)]);
    expect(busy.starts).toHaveLength(4);
  }, 20_000);

  test.each([
    ['restarted empty', () => server.restart('empty')],
    ['restarted with its data', () => server.restart()],
    [
      'paused',
      async () => {
        server.freeze();
        await delayed(undefined, 1_500);
        server.thaw();
      },
    ],
  ])(
    'is kept, and no caller sees an error, while Redis is %s',
    async (what, harm) => {
      const members = await Promise.all([1, 2, 3, 4].map(() => member({ rate })));
      const work = Promise.all(members.map((one) => load(one, 10, 8_000)));
      await delayed(undefined, 1_000);
      await harm();
      const back = performance.now();
      await work;
      const later = allStarts(members).filter((start) => start > back + 1_000);
      expect(most(later, 1_000)).toBeLessThanOrEqual(bound);
      expect(later.length).toBeGreaterThan(200);
      // A client that has reconnected before its next reservation notices nothing of a restart.
      if (what === 'paused') expect(local(members).length).toBeGreaterThan(0);
      // The store is in use again.
      expect(local(members).every(({ time }) => time < performance.timeOrigin + back + 5_000)).toBe(true);
    },
    40_000,
  );

  test('is not held back for longer than a window by a process that was stopped with a slice', async () => {
    const script = `
      const { createClient } = await import('redis');
      const { createFetch, limit } = await import('./src/index.ts');
      const { shared } = await import('./adapters/storage/redis.ts');
      const client = await createClient({ url: '${server.url}' }).connect();
      const across = shared(client, { slice: 50 });
      const policy = limit({ rate: { count: 100, window: 1_000 }, across, queue: Infinity });
      const fetch = createFetch({ use: [policy], fetch: async () => new Response(null) });
      let calls = 0;
      const loop = async () => { for (;;) { await fetch('${url}'); if ((calls += 1) === 100) console.log('busy'); } };
      await Promise.all(Array.from({ length: 10 }, loop));
    `;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      child.kill('SIGSTOP');
      const one = await member({ rate });
      await delayed(undefined, 1_000);
      await load(one, 20, 2_000);
      expect(one.starts.length).toBeGreaterThan(130);
    } finally {
      child.kill('SIGKILL');
    }
  }, 60_000);

  test('follows the clock of the server: that of a process may be an hour off', async () => {
    const script = (offset: number): string => `
      const real = Date.now;
      Date.now = () => real() + ${offset};
      const { createClient } = await import('redis');
      const { createFetch, limit } = await import('./src/index.ts');
      const { shared } = await import('./adapters/storage/redis.ts');
      const client = await createClient({ url: '${server.url}' }).connect();
      const across = shared(client);
      const fetch = createFetch({ use: [limit({ rate: { count: 10, window: 2_000 }, across })], fetch: async () => {
        console.log(real());
        return new Response(null);
      } });
      await Promise.all(Array.from({ length: 10 }, () => fetch('${url}')));
      client.destroy();
    `;
    const both = await Promise.all([0, 3_600_000].map((offset) => exitsByItself(script(offset), { timeout: 30_000 })));
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const starts = both.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number));
    expect(starts).toHaveLength(20);
    expect(most(starts, 2_000)).toBeLessThanOrEqual(11);
  }, 60_000);

  test('recovers when the clock of the server has been set back an hour', async () => {
    const client = await connect();
    const ahead = Date.now() + 3_600_000;
    await client.set(`{kyoa:0 http://api.example}rate`, `${ahead} ${ahead}`);
    const one = await member({ rate });
    const started = performance.now();
    await one.call();
    expect(performance.now() - started).toBeLessThan(5_000);
  }, 20_000);

  test('leaves no key behind', async () => {
    const client = await connect();
    for (let n = 0; n < 200; n += 1) {
      const one = createFetch({
        use: [limit({ rate, concurrency: 1_000, across: shared(client, { prefix: 'short' }) })],
        fetch: async () => new Response(null),
      });
      await one(url);
    }
    const keys = await client.keys('*');
    expect(keys.length).toBeLessThanOrEqual(5);
    for (const key of keys) expect(await client.pTTL(key)).toBeGreaterThan(0);
    expect(await client.zCard('{shorthttp://api.example}leases')).toBeLessThanOrEqual(2);
  }, 60_000);

  test('takes the cost of a call beyond its estimate from all, and gives back what it has not cost', async () => {
    const spent = (response: Response): number => Number(response.headers.get('x-cost'));
    const options = (cost: number) => ({
      rate: { count: 1_000, window: 10_000, cost: () => 100, spent },
      respond: async () => new Response(null, { headers: { 'x-cost': String(cost) } }),
    });
    const [dear, other] = [await member(options(500)), await member(options(100))];
    await dear.call();
    await delayed(undefined, 300);
    const started = performance.now();
    await other.call();
    // 500 units take 5 s at this rate; 100 of them were free, and 300 ms have passed.
    expect(other.starts[0]! - started).toBeGreaterThan(2_500);

    const cheap = { ...options(0), key: () => 'cheap' };
    const [one, two] = [await member(cheap), await member(cheap)];
    await one.call();
    await delayed(undefined, 300);
    const again = performance.now();
    await two.call();
    expect(two.starts[0]! - again).toBeLessThan(800);
  }, 30_000);

  test('refuses a call whose turn comes after its deadline, and keeps priorities', async () => {
    const options = { rate: { count: 10, window: 10_000 }, inCommon: { slice: 1 } };
    const busy = await member(options);
    await busy.call();
    void Array.from({ length: 3 }, () => outcomeOf(busy.call()));
    await delayed(undefined, 50);
    const hasty = await member({ ...options, outside: [timeout(500)] });
    const started = performance.now();
    expect(await outcomeOf(hasty.call())).toBeInstanceOf(LimitError);
    expect(performance.now() - started).toBeLessThan(400);

    const order: string[] = [];
    const ranked = await member({
      rate: { count: 100, window: 10_000 },
      key: () => 'ranked',
      inCommon: { slice: 1 },
      priority: (ctx) => Number(new URL(ctx.url).search.slice(1)),
    });
    await Promise.all([0, 0, 2, 1].map((rank) => ranked.call(`?${rank}`).then(() => order.push(String(rank)))));
    expect(order).toEqual(['2', '1', '0', '0']);
  }, 20_000);

  test('counts the latency of the store against the call, and waits for a hanging store no longer than its timeout', async () => {
    const one = await member({ rate, inCommon: { timeout: 300 } });
    const hasty = await member({ rate, outside: [timeout(100)], inCommon: { timeout: 5_000 } });
    await Promise.all([one.call(), hasty.call()]);
    await delayed(undefined, 200);
    server.freeze();
    try {
      const started = performance.now();
      await one.call();
      expect(performance.now() - started).toBeLessThan(1_200);
      expect(local([one])).toHaveLength(1);
      const again = performance.now();
      expect(await outcomeOf(hasty.call())).toMatchObject({ code: 'TIMEOUT' });
      expect(performance.now() - again).toBeLessThan(1_000);
    } finally {
      server.thaw();
    }
  }, 20_000);
});

describe('permits that processes share', () => {
  test('are no more than `concurrency` at any time, and are shared evenly', async () => {
    let running = 0;
    let highest = 0;
    const respond = async (): Promise<Response> => {
      running += 1;
      highest = Math.max(highest, running);
      await delayed(undefined, 20);
      running -= 1;
      return new Response(null);
    };
    const members = await Promise.all([1, 2, 3, 4].map(() => member({ concurrency: 8, respond })));
    await Promise.all(members.map((one) => load(one, 10, 2_500)));
    expect(highest).toBe(8);
    for (const { starts } of members) expect(starts.length).toBeGreaterThan(40);
  }, 20_000);

  test('reach every process, although there are fewer permits than processes', async () => {
    const respond = () => delayed(new Response(null), 10);
    const members = await Promise.all([1, 2, 3].map(() => member({ concurrency: 1, respond })));
    await Promise.all(members.map((one) => load(one, 3, 3_000)));
    for (const { starts } of members) expect(starts.length).toBeGreaterThan(3);
  }, 20_000);

  test('are free as soon as their calls have ended', async () => {
    const [one, other] = [await member({ concurrency: 2 }), await member({ concurrency: 2 })];
    await Promise.all([one.call(), one.call()]);
    await delayed(undefined, 100);
    const started = performance.now();
    await other.call();
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('of a process that vanished are free after its lease, and those of a live one are not', async () => {
    const lease = 900;
    const vanishing = await connect();
    const hanging = () => new Promise<Response>(() => {});
    const options = { concurrency: 2, inCommon: { lease } };
    const gone = await member({ ...options, across: shared(vanishing, { lease }), respond: hanging });
    const live = await member({ ...options, respond: hanging });
    void gone.call();
    void live.call();
    await delayed(undefined, 300);
    vanishing.destroy();
    const waiting = await member(options);
    const started = performance.now();
    await waiting.call();
    expect(performance.now() - started).toBeGreaterThan(lease / 3);
    expect(performance.now() - started).toBeLessThan(lease + 1_500);
    await delayed(undefined, 2 * lease);
    const late = await member({ ...options, outside: [timeout(600)] });
    const blocked = await member({ ...options, respond: hanging });
    void blocked.call();
    await delayed(undefined, 200);
    expect(await outcomeOf(late.call())).toMatchObject({ code: 'TIMEOUT' });
  }, 20_000);

  test('are at least one for each process while the store is unreachable', async () => {
    const members = await Promise.all([1, 2].map(() => member({ concurrency: 4, inCommon: { timeout: 200 } })));
    await Promise.all(members.map(({ call }) => call()));
    await delayed(undefined, 300);
    server.freeze();
    try {
      await Promise.all(members.map(({ call }) => call()));
      expect(local(members).length).toBe(2);
    } finally {
      server.thaw();
    }
  }, 20_000);
});

describe('announced() across processes', () => {
  test('holds back the others when one has got a 429, no longer than it says', async () => {
    let refused = false;
    const respond = async (): Promise<Response> =>
      refused ? new Response(null) : new Response(null, { headers: { ratelimit: '"a";r=1000;t=1' } });
    const [one, other] = [
      await member({
        rate: announced(),
        respond: async () => {
          refused = true;
          return new Response(null, { status: 429, headers: { 'retry-after': '1' } });
        },
      }),
      await member({ rate: announced(), respond }),
    ];
    await other.call();
    await one.call();
    const at = performance.now();
    await load(other, 2, 1_800);
    const during = other.starts.filter((start) => start > at + 100 && start < at + 950);
    const after = other.starts.filter((start) => start > at + 1_000);
    expect(during.map((start) => Math.round(start - at))).toEqual([]);
    expect(after.length).toBeGreaterThan(0);
    expect(after[0]! - at).toBeLessThan(1_500);
  }, 20_000);
});
