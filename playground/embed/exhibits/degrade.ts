/** Exhibits of outages and overload: breaker, limit, fallback, staleIfError. */
import { count } from '../../page/format.ts';
import { layer } from '../exhibit.ts';
import type { Exhibit } from '../exhibit.ts';
import { failureAfter, failures, perCall, substitutes, success } from '../figures.ts';
import { option, setting, value } from '../knobs.ts';

const outage = { name: 'outage', settings: { outage: true }, calm: 3_000, lasts: 5_000 } as const;

export const breaker = (): Exhibit => ({
  title: 'breaker',
  about:
    'From time to time the server is overloaded: every response is a slow error. The breaker opens, rejects calls at once ' +
    'and sends only a probe now and then, so that callers do not wait and the server can recover.',
  weather: { latency: { median: 100, sigma: 0.3 } },
  rate: 7,
  spell: {
    name: 'overload',
    settings: { latency: { median: 600 }, errors: { rate: 1 } },
    calm: 3_000,
    lasts: 7_000,
  },
  without: {},
  with: { stack: [layer('breaker', { window: 3_000 })] },
  knobs: [option('breaker', 'cooldown', 1_500, [200, 5_000, 100]), option('breaker', 'volume', 5, [1, 30])],
  figures: [perCall, failureAfter],
  legend: ['answered', 'error status', 'rejected'],
});

/** The exhibit's server serves so many requests at once. */
const CAPACITY = 4;

export const limit = (): Exhibit => ({
  title: 'limit',
  about:
    `Calls come in bursts, and the server serves ${CAPACITY} requests at once: it responds to a further one with 503. limit ` +
    'lets the others wait in its queue, the dotted lines, until a request has ended.',
  weather: { capacity: CAPACITY, latency: { median: 250, sigma: 0.3 } },
  rate: 0.5,
  burst: ({ burst = 1 }) => burst,
  without: {},
  with: { stack: [layer('limit')] },
  knobs: [
    option('limit', 'concurrency', CAPACITY, [1, 12]),
    value('burst', 'Calls in a burst', 'count', 10, [1, 20], 'Calls that are made at the same moment.'),
  ],
  figures: [
    success,
    { title: 'Most at once', read: ({ mostAtOnce }) => count(mostAtOnce()) },
    {
      title: 'Waiting',
      read: ({ running }) => count(running().filter(({ attempts }) => attempts.length === 0).length),
    },
  ],
  legend: ['answered', 'error status'],
});

export const fallback = (): Exhibit => ({
  title: 'fallback',
  about:
    'The server has outages. While it is down, each call gets the substitute that the application has chosen, here ' +
    '{ "status": "unavailable" }, in place of an error.',
  weather: { latency: { median: 160, sigma: 0.5 } },
  rate: 6,
  spell: outage,
  without: {},
  with: { stack: [layer('fallback')] },
  knobs: [setting('errors.rate', 0.1, [0, 0.6, 0.01], { label: 'Errors between the outages' })],
  figures: [success, substitutes, failures],
  legend: ['answered', 'error status', 'broken', 'spare'],
});

export const staleIfError = (): Exhibit => ({
  title: 'staleIfError',
  about:
    'The calls ask for a few prices, again and again, and the server has outages. While it is down, each call gets the last ' +
    'good response for its price, until that one is too old.',
  weather: { storable: true, latency: { median: 160, sigma: 0.5 } },
  rate: 6,
  ask: (n, { prices = 1 }) => ({ path: `items?id=${n % prices}` }),
  spell: outage,
  without: {},
  with: { stack: [layer('staleIfError')] },
  knobs: [
    option('staleIfError', 'ttl', 10_000, [1_000, 20_000, 500]),
    value('prices', 'Different prices', 'count', 6, [1, 60], 'The fewer there are, the sooner all of them are stored.'),
  ],
  figures: [success, substitutes, failures],
  legend: ['answered', 'broken', 'spare'],
});
