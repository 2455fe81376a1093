/** The client of the app, in its tabs and in its service worker. */
import { indexeddb } from '../../../adapters/storage/indexeddb.ts';
import kyoa, { exponential } from '../../../src/index.ts';
import { outbox } from '../../../src/outbox.ts';

export const lease = 2_000;

export const box = outbox({
  lane: (ctx) => new URL(ctx.url).pathname,
  lease,
  wait: 2_000,
  backoff: exponential(50, 400),
});

export const api = kyoa.extend({
  storage: indexeddb('orders'),
  use: (stack) => [box, ...stack],
  timeout: { total: 3_000, headers: 1_000 },
  throwHttpErrors: false,
});
