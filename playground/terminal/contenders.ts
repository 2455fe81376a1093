/** The two ways to fetch that stand side by side. */
import { createFetch, observe, standard } from 'kyoa';
import type { Contender } from './traffic.ts';

export function plainContender(): Contender {
  return {
    name: 'plain fetch',
    lane: 'plain',
    fetch: globalThis.fetch,
    counters: { retries: 0, timeouts: 0 },
  };
}

/** The standard stack, told only how long its callers are ready to wait (ms). */
export function kyoaContender(patience: number): Contender {
  const counters = { retries: 0, timeouts: 0 };
  const count = observe((event) => {
    if (event.type === 'retry.scheduled') counters.retries += 1;
    if (event.type === 'timeout.exceeded') counters.timeouts += 1;
  });
  // Three tenths for the headers of an attempt: two may pass in silence, and a third can still make it.
  const timeout = { total: patience, headers: patience * 0.3 };
  const fetch = createFetch({ use: [count, ...standard({ timeout })] });
  return { name: 'kyoa', lane: 'kyoa', fetch, counters };
}
