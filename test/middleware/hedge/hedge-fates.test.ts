import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, createFetch, hedge, observe, type KyoaEvent } from '../../../src/index.ts';

/** What becomes of a copy, and after how long; it never ends by itself if `ms` is undefined. */
interface Fate {
  readonly ms: number | undefined;
  readonly what: 200 | 404 | 500 | 503 | 'reset';
}

describe('hedge, for every fate of its copies', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const fate = fc.record({
    ms: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined, freq: 6 }),
    what: fc.constantFrom<Fate['what'][]>(200, 404, 500, 503, 'reset'),
  });
  const plan = fc.record({
    fates: fc.array(fate, { minLength: 5, maxLength: 5 }),
    hedges: fc.integer({ min: 0, max: 4 }),
    delay: fc.integer({ min: 0, max: 100 }),
    reserve: fc.integer({ min: 0, max: 5 }),
    leaves: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined, freq: 3 }),
  });

  test('returns one outcome, the right one, keeps to its budget, aborts every loser and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ fates, hedges, delay, reserve, leaves }) => {
        const copies: {
          at: number;
          signal: AbortSignal;
          state: 'running' | 'aborted' | 'done';
          response?: Response;
        }[] = [];
        const leaving = new AbortController();
        const events: KyoaEvent[] = [];
        const started = performance.now();
        const fetch = createFetch({
          use: [
            observe((event) => events.push(event)),
            hedge({ delay, hedges, budget: budget({ ratio: 0, floor: reserve / 10 }) }),
          ],
          fetch: (_input, init) =>
            new Promise((resolve, reject) => {
              const { ms, what } = fates[copies.length]!;
              const copy: (typeof copies)[number] = { at: performance.now(), signal: init!.signal!, state: 'running' };
              copies.push(copy);
              const end = (): void => {
                copy.state = 'done';
                if (what === 'reset') reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } }));
                else resolve((copy.response = new Response('body', { status: what })));
              };
              const timer = ms === undefined ? undefined : setTimeout(end, ms);
              copy.signal.addEventListener('abort', () => {
                clearTimeout(timer);
                if (copy.state === 'running') copy.state = 'aborted';
                reject(copy.signal.reason);
              });
            }),
        });
        let settled = 0;
        const call = fetch('http://api.example/', { signal: leaving.signal }).then(
          async (response) => {
            settled += 1;
            return { response, at: performance.now() - started, text: await response.text() };
          },
          (error: unknown) => ((settled += 1), { error, at: performance.now() - started }),
        );
        const leave = leaves === undefined ? undefined : setTimeout(() => leaving.abort('left'), leaves);
        await vi.advanceTimersByTimeAsync(1_000);
        clearTimeout(leave);
        if (settled === 0) leaving.abort('left'); // all copies hang, and there is no timeout outside
        const outcome = await call;

        expect(settled).toBe(1);
        expect(copies.length).toBeLessThanOrEqual(1 + Math.min(hedges, reserve));
        expect(events.filter(({ type }) => type === 'hedge.launched')).toHaveLength(copies.length - 1);
        for (const { at } of copies) expect(at - started).toBeLessThanOrEqual(outcome.at);
        expect(copies.filter(({ state }) => state === 'running')).toEqual([]);
        await vi.advanceTimersByTimeAsync(0); // discarded bodies are read
        expect(vi.getTimerCount()).toBe(0);

        if ('response' in outcome) {
          const winner = copies.find(({ response }) => response === outcome.response)!;
          expect(outcome.text).toBe('body');
          // Either it won, and its signal is not aborted, or all copies failed.
          if (outcome.response.status < 500) expect(winner.signal.aborted).toBe(false);
          else expect(copies.every(({ state, response }) => state === 'done' && !response?.ok)).toBe(true);
          expect(copies.every(({ response }) => response === undefined || response.bodyUsed)).toBe(true);
        } else if (outcome.error === 'left') {
          expect(copies.every(({ state }) => state !== 'running')).toBe(true);
        } else {
          expect(copies.every(({ state, response }) => state === 'done' && response === undefined)).toBe(true);
        }
        await vi.advanceTimersByTimeAsync(10_000); // the next run begins with a whole budget
      }),
      { numRuns: 400 },
    );
  });
});
