/**
 * `npm run bench:limit`: what a permit of a shared limit costs at 10,000 calls a second, beside peers on the same Redis;
 * and a server with quotas of requests and tokens, as those of language models have, under 95 % of its quotas.
 * `--tokens` runs the quotas alone. `--smoke` takes seconds. Peers: npm install --prefix bench
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { shared } from '../adapters/storage/redis.ts';
import { createFetch, limit, type Fetch, type Middleware } from '../src/index.ts';
import { startRedis } from '../test/support/redis.ts';
import { load } from './lib/load.ts';
import { installed, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const perSecond = 10_000;
const rounds = smoke ? 1 : 5;
/** Only the quotas. */
const only = process.argv.includes('--tokens');
const length = smoke ? 500 : 3_000;
/** Calls that wait at a time, at most: a contender that cannot keep up is not flooded. */
const mostWaiting = 2_000;
const rate = { count: 2 * perSecond, window: 1_000 };
const url = 'http://api.example/';

const redis = await startRedis();
const client = new Redis(redis.url);
const response = new Response(null);
const stub: Fetch = async () => response;
const fetchWith = (...use: Middleware[]) => createFetch({ use, fetch: stub });

interface Contender {
  readonly packages?: readonly string[];
  readonly open: () => Promise<() => PromiseLike<unknown>>;
}

interface Bottleneck {
  schedule(work: () => Promise<unknown>): Promise<unknown>;
}
interface BottleneckClass {
  new (options: object): Bottleneck;
  IORedisConnection: new (options: object) => unknown;
}
interface Flexible {
  RateLimiterRedis: new (options: object) => { consume(key: string): Promise<unknown> };
}

const contenders: Readonly<Record<string, Contender>> = {
  'no limit': {
    async open() {
      const fetch = fetchWith();
      return () => fetch(url);
    },
  },
  'limit()': {
    async open() {
      const fetch = fetchWith(limit({ rate, queue: Infinity }));
      return () => fetch(url);
    },
  },
  'limit({ across })': {
    async open() {
      const fetch = fetchWith(limit({ rate, queue: Infinity, across: shared(client) }));
      return () => fetch(url);
    },
  },
  'limit({ across }), slice 1': {
    async open() {
      const across = shared(client, { prefix: 'one', slice: 1 });
      const fetch = fetchWith(limit({ rate, queue: Infinity, across }));
      return () => fetch(url);
    },
  },
  'rate-limiter-flexible': {
    packages: ['rate-limiter-flexible'],
    async open() {
      const { RateLimiterRedis } = await load<Flexible>('rate-limiter-flexible');
      const limiter = new RateLimiterRedis({ storeClient: client, points: rate.count, duration: 1 });
      const fetch = fetchWith();
      return () => limiter.consume('api').then(() => fetch(url));
    },
  },
  bottleneck: {
    packages: ['bottleneck'],
    async open() {
      const { default: Bottleneck } = await load<{ default: BottleneckClass }>('bottleneck');
      const limiter = new Bottleneck({
        id: 'api',
        clearDatastore: true,
        connection: new Bottleneck.IORedisConnection({ client }),
        reservoir: rate.count,
        reservoirRefreshAmount: rate.count,
        reservoirRefreshInterval: rate.window,
      });
      const fetch = fetchWith();
      return () => limiter.schedule(() => fetch(url));
    },
  },
};

interface Figures {
  /** us of the CPU for each call. */
  readonly cpu: number;
  /** us from the call to its end, on average. */
  readonly wait: number;
  readonly perSecond: number;
}

const versions = await versionsOf(['bottleneck', 'rate-limiter-flexible', 'ioredis']);
printHead(`A permit at ${perSecond} calls a second, ${rounds} rounds of ${length} ms`, versions);
const present = installed(contenders, versions);
const results = new Map(present.map(([name]) => [name, [] as Figures[]]));
if (!only) await comparePermits();

const quotas = await offerTokens();
printTable(
  ['requests/s', 'of the quota of requests, %', 'of the quota of tokens, %', '429', 'mean wait, ms'],
  [['limit({ rate: [requests, tokens], across })', ...quotas]],
  'requests and tokens at 95 %',
);
await save('limit', { versions, results: Object.fromEntries(results), quotas });
client.disconnect();
await redis.stop();
// Peers keep timers.
process.exit(smoke || quotas[3] === 0 ? 0 : 1);

async function comparePermits(): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, { open }] of present) results.get(name)!.push(await offer(await open()));
  }
  const median = (name: string, figure: (figures: Figures) => number): number => {
    const sorted = results
      .get(name)!
      .map(figure)
      .toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  const base = median('no limit', ({ cpu }) => cpu);
  printTable(
    ['calls/s', 'wait, us', 'CPU a permit, us'],
    present.map(([name]) => [
      name,
      median(name, (figures) => figures.perSecond),
      median(name, ({ wait }) => wait),
      (median(name, ({ cpu }) => cpu) - base).toFixed(1),
    ]),
  );
  printLeftOut(contenders, present);
}

/** Makes 10,000 calls a second, as evenly as timers permit. */
async function offer(call: () => PromiseLike<unknown>): Promise<Figures> {
  for (let n = 0; n < 100; n += 1) await call();
  let [begun, ended, waited] = [0, 0, 0];
  const one = async (): Promise<void> => {
    const started = performance.now();
    await call();
    waited += performance.now() - started;
    ended += 1;
  };
  const started = performance.now();
  const cpu = process.cpuUsage();
  while (performance.now() - started < length) {
    const due = Math.floor(((performance.now() - started) * perSecond) / 1_000);
    for (; begun < due && begun - ended < mostWaiting; begun += 1) void one();
    await sleep(1);
  }
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - started;
  const figures = { cpu: (user + system) / ended, wait: (waited * 1_000) / ended, perSecond: (ended * 1_000) / ms };
  while (ended < begun) await sleep(5);
  return figures;
}

/**
 * Four clients call a server that refuses what is above its quotas in any window. The tokens of a call are estimated
 * before, and its response says what they were.
 */
async function offerTokens(): Promise<[number, number, number, number, number]> {
  const window = smoke ? 1_000 : 60_000;
  const time = smoke ? 4_000 : 130_000;
  const quota = { requests: window / 10, tokens: 10 * window };
  const use = 0.95;
  let log: { readonly at: number; readonly tokens: number }[] = [];
  let [refused, sent, tokensSent, waited] = [0, 0, 0, 0];
  const server: Fetch = async (input) => {
    const tokens = Number(new URL(input instanceof Request ? input.url : input).searchParams.get('real'));
    const at = performance.now();
    log = log.filter((entry) => entry.at > at - window);
    const used = log.reduce((sum, entry) => sum + entry.tokens, 0);
    const isOver = log.length + 1 > quota.requests || used + tokens > quota.tokens;
    if (isOver) refused += 1;
    else log.push({ at, tokens });
    sent += 1;
    tokensSent += tokens;
    await sleep(20);
    return new Response(null, { status: isOver ? 429 : 200, headers: { 'x-tokens': String(tokens) } });
  };
  const clients = Array.from({ length: 4 }, () => {
    const across = shared(client, { prefix: 'tokens' });
    const spent = (response: Response): number => Number(response.headers.get('x-tokens'));
    const cost = (ctx: { readonly url: string }): number => Number(new URL(ctx.url).searchParams.get('estimate'));
    const rates = [
      { count: quota.requests, window },
      { count: quota.tokens, window, cost, spent },
    ];
    return createFetch({ use: [limit({ rate: rates, across, queue: Infinity })], fetch: server });
  });

  const calls: Promise<void>[] = [];
  const call = async (n: number): Promise<void> => {
    const estimate = 20 + Math.random() * 160;
    // It is right on average, and wrong by up to a half.
    const real = Math.round(estimate * (0.5 + Math.random()));
    const started = performance.now();
    await clients[n % clients.length]!(`${url}?estimate=${Math.round(estimate)}&real=${real}`);
    waited += performance.now() - started - 20;
  };
  const started = performance.now();
  while (performance.now() - started < time) {
    const due = ((performance.now() - started) * use * quota.requests) / window;
    while (calls.length < due) calls.push(call(calls.length));
    await sleep(Math.random() * 20);
  }
  await Promise.all(calls);
  const windows = (performance.now() - started) / window;
  return [
    Math.round(sent / ((performance.now() - started) / 1_000)),
    Math.round((100 * sent) / windows / quota.requests),
    Math.round((100 * tokensSent) / windows / quota.tokens),
    refused,
    Math.round(waited / sent),
  ];
}
