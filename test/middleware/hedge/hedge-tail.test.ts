/** The effect of hedging on seeded latencies in simulated time, which no busy machine affects; `bench/tail.ts` uses a network. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { lognormal, random } from '../../../bench/lib/simulate.ts';
import { createFetch, hedge, type Fetch, type Middleware } from '../../../src/index.ts';

/** ms of 8,000 calls, eight in flight, and the requests that they took. */
async function play(use: readonly Middleware[], latency: () => number) {
  let sent = 0;
  const transport: Fetch = (_input, init) =>
    new Promise((resolve, reject) => {
      sent += 1;
      const timer = setTimeout(() => resolve(new Response('good')), latency());
      // A call without a copy has no signal.
      init?.signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(init.signal!.reason);
      });
    });
  const fetch = createFetch({ use, fetch: transport });
  const calls = 8_000;
  const latencies: number[] = [];
  let left = calls;
  const lane = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const started = performance.now();
      await fetch('http://api.example/users');
      latencies.push(performance.now() - started);
    }
  };
  let over = false;
  const lanes = Promise.all(Array.from({ length: 8 }, lane)).then(() => (over = true));
  while (!over) await vi.advanceTimersByTimeAsync(100);
  await lanes;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.ceil(q * calls) - 1]!;
  return { p99: at(0.99), p999: at(0.999), extra: sent / calls - 1 };
}

describe('hedge over seeded latencies', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test(
    'removes a tail of 1.5 % that is 60 times slower, for about 1.5 % more requests',
    { timeout: 30_000 },
    async () => {
      const latencies = (): (() => number) => {
        const draw = random(1);
        return () => (draw() < 0.015 ? 300 : 5 + 2 * draw());
      };
      expect(await play([], latencies())).toMatchObject({ p99: 300, p999: 300, extra: 0 });
      const { p99, p999, extra } = await play([hedge({ ratio: 0.02 })], latencies());
      expect(p99).toBeLessThanOrEqual(15);
      expect(p999).toBeLessThanOrEqual(43);
      expect(extra).toBeLessThanOrEqual(0.02);
    },
  );

  test(
    'halves a tail of 1.5 % that is 60 times slower also while the route becomes slower, and keeps to its budget',
    { timeout: 30_000 },
    async () => {
      const draw = random(1);
      let sent = 0;
      // More calls than the ratio are slower than the delay that was learned: the budget is always exhausted.
      const latency = (): number => (draw() < 0.015 ? 3_000 : 50 + 20 * draw() + (sent += 1) / 100);
      const { p999, extra } = await play([hedge({ ratio: 0.065 })], latency);
      expect(p999).toBeLessThanOrEqual(1_500);
      expect(extra).toBeLessThanOrEqual(1.25 * 0.065 + 0.02); // the reserve is one copy a second
    },
  );

  test(
    'shortens a lognormal tail as well as the best fixed delay, for no more requests',
    { timeout: 30_000 },
    async () => {
      const latencies = (): (() => number) => lognormal({ median: 5, sigma: 1.45, random: random(2) });
      const plain = await play([], latencies());
      // The true 0.935 quantile of that distribution is 45 ms.
      const known = await play([hedge({ delay: 45, budget: false })], latencies());
      const learned = await play([hedge({ ratio: 0.065 })], latencies());
      expect(learned.extra).toBeLessThanOrEqual(0.067);
      expect(learned.p99).toBeLessThanOrEqual(known.p99 * 1.1);
      expect(learned.p999).toBeLessThanOrEqual(known.p999 * 1.25);
      expect(learned.p99).toBeLessThan(plain.p99 / 2);
      expect(learned.p999).toBeLessThan(plain.p999 / 2.5);
    },
  );
});
