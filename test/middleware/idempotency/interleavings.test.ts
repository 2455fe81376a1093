/** Callers of one key at random times, over a storage that is slow, fails, and loses acknowledgements and entries. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { createFetch, idempotency, memory, observe, StorageError, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { order, url } from './order.ts';

const lease = 9_000;

beforeEach(() => {
  vi.useFakeTimers();
  // The digest of the platform takes real time, in which the timers of the test would stand still.
  vi.spyOn(crypto.subtle, 'digest').mockImplementation(
    async (_algorithm, data) =>
      new Uint8Array(
        createHash('sha256')
          .update(new Uint8Array(data as ArrayBuffer))
          .digest(),
      ).buffer,
  );
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

interface Caller {
  /** ms */
  readonly arrival: number;
  readonly work: number;
  readonly leavesAfter: number | undefined;
}

/** One operation of the storage. */
interface Step {
  /** ms */
  readonly delay: number;
  /** `unacknowledged`: it takes effect, and fails. */
  readonly outcome: 'done' | 'failed' | 'unacknowledged';
}

interface Plan {
  readonly callers: readonly Caller[];
  readonly steps: readonly Step[];
  /** When the storage loses the entry, ms. */
  readonly losses: readonly number[];
  /** When the wall clock is set, and by how much, ms. */
  readonly jumps: readonly (readonly [at: number, by: number])[];
}

const ms = (longest: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: longest });

interface Conditions {
  /** The longest operation of the storage, ms. */
  readonly longest: number;
  readonly fails?: boolean;
  readonly loses?: boolean;
  readonly leave?: boolean;
}

function plans({ longest, fails = false, loses = false, leave = false }: Conditions): fc.Arbitrary<Plan> {
  const outcome = fc.constantFrom<Step['outcome']>('done', 'done', 'done', ...(fails ? failures : []));
  const leavesAfter = leave ? fc.option(ms(30_000), { nil: undefined }) : fc.constant(undefined);
  const callers = fc.record<Caller>({ arrival: ms(20_000), work: ms(30_000), leavesAfter });
  return fc.record<Plan>({
    callers: fc.array(callers, { minLength: 2, maxLength: 5 }),
    steps: fc.array(fc.record<Step>({ delay: fc.oneof(ms(100), ms(longest)), outcome }), { maxLength: 100 }),
    losses: fc.array(ms(40_000), { maxLength: loses ? 2 : 0 }),
    jumps: fc.array(fc.tuple(ms(40_000), fc.integer({ min: -100_000, max: 100_000 })), { maxLength: 3 }),
  });
}
const failures = ['failed', 'unacknowledged'] as const;

interface Outcome {
  readonly text?: string;
  readonly error?: unknown;
}

interface Run {
  readonly executed: readonly string[];
  /** Absent if a call hangs. */
  readonly outcomes: readonly Outcome[] | undefined;
  /** The texts that callers got whose response is not in the storage. */
  readonly unrecorded: readonly string[];
}

async function run({ callers, steps, losses, jumps }: Plan): Promise<Run> {
  const store = memory();
  const storage = slow(store, steps);
  const executed: string[] = [];
  const unrecorded: string[] = [];

  const call = async ({ arrival, work, leavesAfter }: Caller): Promise<Outcome> => {
    await pause(arrival);
    const leaving = new AbortController();
    if (leavesAfter !== undefined) setTimeout(() => leaving.abort('left'), leavesAfter);
    let isUnrecorded = false;
    const watch = observe(({ type }) => (isUnrecorded ||= type === 'idempotency.unrecorded'));
    const fetch = createFetch({
      use: [watch, idempotency({ lease, storage })],
      fetch: async () => {
        const text = `execution ${executed.length + 1}`;
        executed.push(text);
        await pause(work);
        return new Response(text);
      },
    });
    try {
      const response = await fetch(url, { ...order, requestId: 'k', signal: leaving.signal });
      const text = await response.text();
      if (isUnrecorded) unrecorded.push(text);
      return { text };
    } catch (error) {
      return { error };
    }
  };

  for (const at of losses) setTimeout(() => void store.delete(name), at);
  for (const [at, by] of jumps) setTimeout(() => vi.setSystemTime(Date.now() + by), at);
  let outcomes: readonly Outcome[] | undefined;
  void Promise.all(callers.map(call)).then((all) => (outcomes = all));
  await vi.advanceTimersByTimeAsync(600_000);
  return { executed, outcomes, unrecorded };
}
const name = 'idempotency ["http://api.example","k"]';

function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** The storage of all callers. Its operations take the steps one after another. */
function slow(store: Storage, steps: readonly Step[]): Storage {
  const left = steps.values();
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    const { delay = 0, outcome = 'done' }: Partial<Step> = left.next().value ?? {};
    if (delay > 0) await pause(delay);
    if (outcome === 'failed') throw new StorageError('down');
    const result = await work();
    if (outcome === 'unacknowledged') throw new StorageError('no acknowledgement');
    return result;
  };
  return {
    get: (key) => step(() => store.get(key)),
    set: (key, value, options) => step(() => store.set(key, value, options)),
    delete: (key, options) => step(() => store.delete(key, options)),
    close: () => store.close(),
  };
}

/** Runs random plans. After each, no call hangs and no timer is left. */
async function check(conditions: Conditions, holds: (run: Run, plan: Plan) => void): Promise<void> {
  const property = fc.asyncProperty(plans(conditions), async (plan) => {
    const result = await run(plan);
    expect(result.outcomes).toHaveLength(plan.callers.length);
    expect(vi.getTimerCount()).toBe(0);
    holds(result, plan);
  });
  await fc.assert(property, { numRuns: 150 });
}

/** The different responses of callers, without those that the storage does not have. */
function responses({ outcomes, unrecorded }: Run): ReadonlySet<string | undefined> {
  const texts = outcomes!.map(({ text }) => text);
  return new Set(texts.filter((text) => text !== undefined && !unrecorded.includes(text)));
}

describe('callers of one key, at any times and with any clocks,', () => {
  test('all get the response of one execution', async () => {
    await check({ longest: lease / 20 }, ({ executed, outcomes }, { callers }) => {
      expect(executed).toHaveLength(1);
      expect(outcomes).toEqual(callers.map(() => ({ text: 'execution 1' })));
    });
  });

  test('get the response of one execution or a StorageError if the storage fails for less than a lease', async () => {
    await check({ longest: lease / 20, fails: true }, ({ executed, outcomes }) => {
      expect(executed.length).toBeLessThanOrEqual(1);
      for (const { text, error } of outcomes!) {
        if (text === undefined) expect(error).toBeInstanceOf(StorageError);
        else expect(text).toBe('execution 1');
      }
    });
  });

  test('get one response, however long each operation of the storage takes', async () => {
    await check({ longest: 3 * lease, fails: true }, (result) => {
      expect(responses(result).size).toBeLessThanOrEqual(1);
    });
  });

  test('get one response while others leave', async () => {
    await check({ longest: 3 * lease, fails: true, leave: true }, (result) => {
      expect(responses(result).size).toBeLessThanOrEqual(1);
    });
  });

  test('execute the request at most once more for each loss of its entry', async () => {
    await check({ longest: lease / 20, fails: true, loses: true }, ({ executed }, { losses }) => {
      expect(executed.length).toBeLessThanOrEqual(1 + losses.length);
    });
  });
});
