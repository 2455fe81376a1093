/** Exhibits of requests that are repeated, shared, sent elsewhere or disturbed: retry, resume, dedupe, idempotency, endpoints, maxBody, chaos. */
import * as kyoa from 'kyoa';
import type { Fetch } from '../../network/simulated-fetch.ts';
import { layer } from '../exhibit.ts';
import type { Exhibit, LaneView, Values } from '../exhibit.ts';
import { p50, p95, perCall, requests, success } from '../figures.ts';
import { option, setting, value } from '../knobs.ts';

export const retry = (): Exhibit => ({
  title: 'retry',
  about:
    'Some responses are a 503 that will be gone in a moment. retry waits a little, with jitter, and sends the request ' +
    'again. The dotted line between two bars is the pause.',
  weather: { latency: { median: 160, sigma: 0.5 } },
  rate: 5,
  without: {},
  with: { stack: [layer('retry')] },
  knobs: [option('retry', 'retries', 2, [0, 5]), setting('errors.rate', 0.25, [0, 0.6, 0.01])],
  figures: [success, p50, perCall],
  legend: ['answered', 'error status'],
});

export const resume = (): Exhibit => ({
  title: 'resume',
  about:
    'Some connections break while a body is on its way, after a response with status 200. Nothing is lost with resume: it ' +
    'sends the request again, because the caller waits for the whole, and has not seen a part of it.',
  weather: { latency: { median: 160, sigma: 0.5 }, drip: { share: 1, gap: 15 } },
  rate: 5,
  without: { stack: [layer('retry')] },
  with: { stack: [layer('resume'), layer('retry')] },
  knobs: [setting('cuts', 0.25, [0, 0.6, 0.01]), option('resume', 'continuations', 5, [0, 10])],
  figures: [success, p50, perCall],
  legend: ['answered', 'broken'],
});

export const dedupe = (): Exhibit => ({
  title: 'dedupe',
  about:
    'Many parts of an application ask for the same few users at the same time. Identical calls share one request while it ' +
    'is in flight; each gets a response of its own.',
  weather: { latency: { median: 350, sigma: 0.4 } },
  rate: 14,
  ask: (n, { users = 1 }) => ({ path: `users?id=${popular(n, users)}` }),
  without: {},
  with: { stack: [layer('dedupe')] },
  knobs: [
    value('users', 'Different users', 'count', 5, [1, 40], 'The fewer there are, the more calls are identical.'),
    setting('latency.median', 350, [20, 1_500, 10], { label: 'Latency' }),
  ],
  figures: [perCall, requests],
  legend: ['answered', 'shared'],
});

/** Low numbers are more popular than high ones. */
function popular(n: number, of: number): number {
  const random = (n * 0.618_033_988_7) % 1;
  return Math.floor(random * random * of);
}

export const idempotency = (): Exhibit => ({
  title: 'idempotency',
  about:
    'Each call is a payment, and connections break, often after the server has executed it: then only the response is ' +
    'lost. Both lanes retry. Without a key the server executes such an order twice; with one it returns the first result.',
  weather: { latency: { median: 120, sigma: 0.5 } },
  rate: 4,
  ask: (n) => ({
    path: 'pay',
    init: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ order: `order-${n}` }),
    },
  }),
  without: { inner: () => [kyoa.retry({ methods: ['POST'], budget: false })] },
  with: { stack: [layer('idempotency'), layer('retry', { budget: false })] },
  knobs: [setting('resets', 0.35, [0, 0.7, 0.01], { label: 'Broken connections' })],
  figures: [{ title: 'Executed more than once', read: twice }, perCall],
  legend: ['answered', 'broken'],
});

/** Of the last fifty orders: the network keeps a hundred orders of both lanes. */
function twice({ payments }: LaneView): string {
  const orders = payments();
  return `${orders.filter(({ executions }) => executions > 1).length} of ${orders.length}`;
}

export const endpoints = (): Exhibit => ({
  title: 'endpoints',
  about:
    'The region eu is down from time to time. endpoints spreads the requests over three regions; after a few failures in a ' +
    'row a region is ejected for a while, and a retry goes to another one.',
  weather: { latency: { median: 110, sigma: 0.4 } },
  rate: 7,
  spell: { name: 'eu is down', settings: { regions: { eu: { outage: true } } }, calm: 4_000, lasts: 6_000 },
  without: { stack: [layer('retry')] },
  with: { stack: [layer('retry'), layer('endpoints')] },
  knobs: [
    option('endpoints', 'eject.failures', 3, [1, 10], { label: 'Ejected after failures' }),
    option('endpoints', 'eject.for', 3_000, [500, 10_000, 500], { label: 'Ejected for' }),
  ],
  figures: [success, p50, perCall],
  legend: ['answered', 'broken'],
});

export const chaos = (): Exhibit => ({
  title: 'chaos',
  about:
    'Nothing is wrong with this server. chaos injects faults on purpose: a share of the attempts waits and gets a ' +
    '503, so that one sees what other policies do about it.',
  weather: { latency: { median: 120, sigma: 0.5 } },
  rate: 6,
  without: {},
  with: {
    inner: ({ percent = 0, latency = 0 }) => [
      kyoa.chaos({ enabled: true, allow: true, rate: percent / 100, status: 503, latency }),
    ],
  },
  knobs: [
    value('percent', 'Faults in a hundred', 'count', 20, [0, 100], 'The share of the attempts that meet a fault.'),
    value('latency', 'Latency before a fault', 'ms', 300, [0, 2_000], 'The time before the fault.'),
  ],
  figures: [success, p95],
  legend: ['answered', 'error status'],
});

/** The bytes of a long body. */
const LONG = 2_000_000;

export const maxBody = (): Exhibit => ({
  title: 'maxBody',
  about:
    'One response in five has a body of 2 MB that no caller expected. maxBody ends such a call where the body exceeds the ' +
    'limit, so that it does not fill the memory.',
  weather: { latency: { median: 120, sigma: 0.5 } },
  rate: 5,
  without: { transport: withLongBodies },
  with: { outer: ({ kilobytes = 1 }) => [kyoa.maxBody({ bytes: kilobytes * 1_000 })], transport: withLongBodies },
  knobs: [
    value('kilobytes', 'Limit in kB', 'count', 100, [1, 4_000], 'The longest body.'),
    value('long', 'Long bodies in a hundred', 'count', 20, [0, 100], 'How many responses are long.'),
  ],
  figures: [success, { title: 'Read by the callers', read: ({ bytes }) => `${(bytes() / 1e6).toFixed(1)} MB` }],
  legend: ['answered', 'rejected'],
});

function withLongBodies(fetch: Fetch, values: () => Values): Fetch {
  let calls = 0;
  return async (input, init) => {
    const response = await fetch(input, init);
    calls += 1;
    const isLong = (calls * 0.618_033_988_7) % 1 < (values()['long'] ?? 0) / 100;
    return isLong ? new Response(longBody(), { headers: response.headers }) : response;
  };
}

function longBody(): ReadableStream<Uint8Array> {
  let left = LONG;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, 50_000);
      if (size === 0) return controller.close();
      left -= size;
      controller.enqueue(new Uint8Array(size));
    },
  });
}
