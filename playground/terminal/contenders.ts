/** The two contenders: plain fetch, and kyoa's standard stack with a hedge. */
import { createFetch, hedge, observe, standard } from 'kyoa';
import type { Contender } from './traffic.ts';

export function plainContender(): Contender {
  return {
    name: 'plain fetch',
    lane: 'plain',
    fetch: globalThis.fetch,
    counters: { retries: 0, copies: 0, timeouts: 0 },
  };
}

/** The standard stack and a hedge. Only the timeouts are configured; they follow from `patience`, which is in ms. */
export function kyoaContender(patience: number): Contender {
  const counters = { retries: 0, copies: 0, timeouts: 0 };
  const count = observe((event) => {
    if (event.type === 'retry.scheduled') counters.retries += 1;
    if (event.type === 'hedge.launched') counters.copies += 1;
    if (event.type === 'timeout.exceeded') counters.timeouts += 1;
  });
  // Three tenths for the headers of an attempt: if two attempts time out, a third can still succeed.
  const timeout = { total: patience, headers: patience * 0.3 };
  const fetch = createFetch({ use: [count, ...standard({ timeout }), hedge()] });
  return { name: 'kyoa', lane: 'kyoa', fetch, counters };
}
