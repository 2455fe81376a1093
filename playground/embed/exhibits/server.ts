/** Exhibits of handlers, with a server of their own between the callers and the network: deadline, shed. */
import * as kyoa from 'kyoa';
import type { Context, Middleware } from 'kyoa';
import type { Fetch } from '../../network/simulated-fetch.ts';
import { count } from '../../page/format.ts';
import type { Exhibit, Values } from '../exhibit.ts';
import { longestWait, success } from '../figures.ts';
import { setting, value } from '../knobs.ts';

export const deadline = (): Exhibit => {
  /** Requests that the servers have sent to the network. */
  const sent = { plain: 0, kyoa: 0 };
  const server =
    (lane: keyof typeof sent, use: readonly Middleware[]) =>
    (fetch: Fetch): Fetch =>
      handled(use, async ({ url }, { signal }) => {
        for (let step = 1; step < 3; step += 1) {
          sent[lane] += 1;
          await (await fetch(url, { signal })).text();
        }
        sent[lane] += 1;
        return fetch(url, { signal });
      });
  const patience = ({ patience = 1 }: Values): Middleware[] => [kyoa.timeout(patience)];

  return {
    title: 'deadline',
    about:
      'The server needs three requests to another service for each call, and its callers do not wait for long. With deadline ' +
      'the server knows how long, and stops with the caller. The other one works on in vain.',
    weather: { latency: { median: 250, sigma: 0.6 } },
    rate: 5,
    without: { outer: patience, transport: server('plain', []) },
    with: {
      outer: patience,
      inner: () => [kyoa.deadline()],
      transport: server('kyoa', [kyoa.deadline({ trust: true })]),
    },
    knobs: [
      value('patience', 'Callers wait for', 'ms', 600, [100, 3_000], 'The limit of each call.'),
      setting('latency.median', 250, [20, 1_000, 10], { label: 'Latency of a request' }),
    ],
    figures: [success, { title: 'Requests of the server', read: ({ name }) => count(sent[name]) }],
    legend: ['answered', 'timed out'],
  };
};

/** The exhibit's server serves so many requests at once. */
const CAPACITY = 2;

export const shed = (): Exhibit => ({
  title: 'shed',
  about:
    `The server serves ${CAPACITY} requests at once and gets more than that. Without shed they wait for each other, longer and longer, ` +
    'and all are late. With it some get a 503 at once, and the others are served without a wait.',
  weather: { latency: { median: 300, sigma: 0.3 } },
  rate: 12,
  without: { transport: (fetch) => handled([], pooled(fetch)) },
  with: { transport: (fetch, values) => handled([kyoa.shed({ max: values()['most'] })], pooled(fetch)) },
  knobs: [
    value('most', 'Most at once', 'count', 4, [1, 40], 'The learned limit is never higher. It is read at the start.'),
    setting('latency.median', 300, [20, 1_000, 10], { label: 'Latency of a request' }),
  ],
  figures: [success, longestWait],
  legend: ['answered', 'error status'],
});

type Work = (request: Request, ctx: Context) => Promise<Response>;

/** A fetch whose requests a handler responds to. Its client has its error when it leaves, regardless of the handler. */
function handled(use: readonly Middleware[], work: Work): Fetch {
  const handle = kyoa.createHandler({ use }, work);
  return (input, init) =>
    new Promise((resolve, reject) => {
      const { signal, ...request } = init ?? {};
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      handle(new Request(input, request)).then(resolve, reject);
    });
}

function pooled(fetch: Fetch): Work {
  const waiting: (() => void)[] = [];
  let free = CAPACITY;
  return async ({ url }) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      return await fetch(url);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
