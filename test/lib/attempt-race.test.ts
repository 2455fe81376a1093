import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, createFetch, hedge, observe, type KyoaEvent } from '../../src/index.ts';
import { attemptRace, type Run } from '../../src/lib/attempt-race.ts';
import type { Outcome } from '../../src/lib/outcome.ts';
import { gcUntil } from '../support/sockets.ts';

const isBad = ({ response }: Outcome): boolean => response?.ok !== true;
const answers =
  (status: number): Run =>
  async () =>
    new Response(`status ${status}`, { status });
const fails =
  (error: unknown): Run =>
  async () => {
    throw error;
  };
const never: Run = (signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('firstGood', () => {
  test('tells which copy won and what came of the others', async () => {
    const contest = attemptRace(new AbortController().signal, { isBad });
    contest.start(never, answers(500), answers(200));
    const { copy, good, outcome, outcomes } = await contest.result;
    expect([copy, good, outcome.response!.status]).toEqual([2, true, 200]);
    expect(outcomes.map((outcome) => outcome?.response?.status)).toEqual([undefined, 500, 200]);
    expect(contest.over).toBe(true);
  });

  test('one that fails at once does not take itself for the last', async () => {
    const contest = attemptRace(new AbortController().signal, { isBad });
    contest.start(fails('no'), answers(200));
    expect(await contest.result).toMatchObject({ copy: 1, good: true });
  });

  test('asks for one more at a time, and waits for it', async () => {
    let asked = 0;
    const more = async (): Promise<Run | undefined> => {
      asked += 1;
      await Promise.resolve();
      return asked === 1 ? answers(200) : undefined;
    };
    const contest = attemptRace(new AbortController().signal, { isBad, more });
    contest.start(answers(503), fails('no'));
    contest.extend();
    contest.extend();
    expect(await contest.result).toMatchObject({ copy: 2, good: true });
    expect(asked).toBe(1);
  });

  test('sends nothing when its caller has left before it begins, nor after', async () => {
    let sent = 0;
    const run: Run = async () => ((sent += 1), new Response());
    const contest = attemptRace(AbortSignal.abort('gone'), { isBad, more: async () => run });
    contest.start(run);
    contest.extend();
    await expect(contest.result).rejects.toBe('gone');
    expect(sent).toBe(0);
  });

  test('a source of copies that throws fails the contest and aborts who is under way', async () => {
    let aborted = false;
    const contest = attemptRace(new AbortController().signal, {
      isBad,
      more: () => Promise.reject(new RangeError('oops')),
    });
    contest.start((signal) => never(signal).finally(() => (aborted = true)), fails('no'));
    await expect(contest.result).rejects.toThrow('oops');
    expect(aborted).toBe(true);
  });

  test('an abandoned answer can be collected though its caller’s signal lives on', async () => {
    const caller = new AbortController();
    const call = (): Promise<WeakRef<Response>> => {
      const contest = attemptRace(caller.signal, { isBad });
      contest.start(never, answers(200));
      return contest.result.then(({ outcome }) => new WeakRef(outcome.response!));
    };
    const reference = await call();
    await gcUntil(() => reference.deref() === undefined);
    caller.abort();
  });
});

/** What a copy comes to; `undefined` for one that hangs and hears its signal. */
interface Fate {
  readonly ms: number | undefined;
  readonly what: 200 | 404 | 500 | 503 | 'reset';
}

describe('hedge, whatever becomes of its copies', () => {
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

  test('there is one answer, the right one; copies stay within budget; every loser is aborted; nothing is left', async () => {
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
              const answer = (): void => {
                copy.state = 'done';
                if (what === 'reset') reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } }));
                else resolve((copy.response = new Response('body', { status: what })));
              };
              const timer = ms === undefined ? undefined : setTimeout(answer, ms);
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
        if (settled === 0) leaving.abort('left'); // all hang, and nobody above has a limit
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
          // Its own branch is the only one that lives; or it lost, and so did all.
          if (outcome.response.status < 500) expect(winner.signal.aborted).toBe(false);
          else expect(copies.every(({ state, response }) => state === 'done' && !response?.ok)).toBe(true);
          expect(copies.every(({ response }) => response === undefined || response.bodyUsed)).toBe(true);
        } else if (outcome.error === 'left') {
          expect(copies.every(({ state }) => state !== 'running')).toBe(true);
        } else {
          expect(copies.every(({ state, response }) => state === 'done' && response === undefined)).toBe(true);
        }
        await vi.advanceTimersByTimeAsync(10_000); // leaves the budget's window
      }),
      { numRuns: 400 },
    );
  });
});
