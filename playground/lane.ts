/**
 * One contender's road to the server: a stream of fates of its own, and the count of what happened on it.
 * Two lanes of one seed meet the same fates in the same order, however many requests the other one sends.
 */
import { drawFate } from './fate.ts';
import type { Fate, Outcome } from './fate.ts';
import { mulberry32 } from './random.ts';
import type { Settings } from './settings.ts';

export interface Lane {
  /** Counts a request and draws its fate. */
  arrive(settings: Settings): Fate;
  /** Counts how a request ended. */
  count(outcome: Outcome): void;
  /** Counts an execution under a key, and says how many there are now. */
  execute(key: string): number;
  executions(key: string): number;
  stats(): LaneStats;
}

export interface LaneStats {
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** By Idempotency-Key, or by order where there is none. */
  readonly executions: Readonly<Record<string, number>>;
}

export function createLane(seed: number): Lane {
  const random = mulberry32(seed);
  let requests = 0;
  const outcomes = { answered: 0, failed: 0, reset: 0, stalled: 0, refused: 0, abandoned: 0 };
  const executions = new Map<string, number>();

  return {
    arrive(settings) {
      requests += 1;
      return drawFate(settings, random);
    },
    count(outcome) {
      outcomes[outcome] += 1;
    },
    execute(key) {
      const count = (executions.get(key) ?? 0) + 1;
      executions.set(key, count);
      return count;
    },
    executions: (key) => executions.get(key) ?? 0,
    stats: () => ({ requests, outcomes: { ...outcomes }, executions: Object.fromEntries(executions) }),
  };
}
