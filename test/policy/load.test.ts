import { createFetch, type Middleware } from 'kyoa';
import { policy, type LivePolicy } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { origin } from '../support/origin.ts';
import { manualSource, type ManualSource } from '../support/policy-source.ts';
import { countTimers, gcUntil } from '../support/sockets.ts';

const own = (): Middleware => (_, next) => next();

function document(n: number): string {
  return JSON.stringify({
    version: n,
    use: [
      { timeout: { total: 60_000 + n } },
      { retry: { retries: n % 3, backoff: { constant: [0] }, budget: { ratio: 1 } } },
      { breaker: { volume: 1_000 + n } },
      { limit: { concurrency: 50 + n } },
      { own: { n } },
    ],
    routes: { '*': { timeout: 30_000 + n } },
  });
}

async function load(
  changes: number,
  refs: WeakRef<Middleware>[],
  live: LivePolicy,
  source: ManualSource,
): Promise<void> {
  await using server = await origin(({ response, request }) =>
    response.writeHead(request.url === '/bad' ? 503 : 200).end('ok'),
  );
  const fetch = createFetch({ use: live });
  const caller = new AbortController();
  let running = true;
  const call = async (path: string): Promise<void> => {
    while (running) await (await fetch(`${server.url}${path}`, { signal: caller.signal })).text();
  };
  const callers = ['', 'bad', '', 'bad'].map(call);
  for (let n = 1; n <= changes; n += 1) {
    source.document(n % 10 === 0 ? '{ "use": [' : document(n));
    if (n % 2 === 0) await fetch(server.url).then((response) => response.text());
    else live.update({ routes: { '/never': { retry: n } } });
    refs.push(...live.current.map((middleware) => new WeakRef(middleware)));
  }
  running = false;
  await Promise.all(callers);
}

describe('1,000 changes of a policy under load', () => {
  test('leave no timer and no middleware behind', async () => {
    using timers = countTimers();
    const refs: WeakRef<Middleware>[] = [];
    const source = manualSource();
    const live = policy(source, { wait: 0, middleware: { own }, listener: () => {} });
    await load(1_000, refs, live, source);
    expect(live.snapshot().version).toBe(999);
    expect(refs.length).toBeGreaterThan(4_000);

    const inForce = new Set(live.current);
    const left = (): number => refs.filter((ref) => ref.deref() && !inForce.has(ref.deref()!)).length;
    await gcUntil(() => left() === 0);
    expect(timers.open()).toBe(0);
  }, 60_000);

  test('leave the heap as it was', async () => {
    const source = manualSource();
    const live = policy(source, { wait: 0, middleware: { own }, listener: () => {} });
    const fetch = createFetch({ use: live, fetch: async () => new Response('ok') });
    let n = 0;
    const heapAfter = async (changes: number): Promise<number> => {
      for (const end = n + changes; n < end; n += 1) {
        source.document(document(n));
        await (await fetch('http://a.example/')).text();
      }
      for (let round = 0; round < 3; round += 1) await gcUntil(() => true);
      return process.memoryUsage().heapUsed;
    };
    const before = await heapAfter(500);
    expect((await heapAfter(1_000)) - before).toBeLessThan(500_000);
  });
});
