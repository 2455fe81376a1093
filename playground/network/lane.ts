/**
 * The lane of one contender: its own sequence of fates, and the counts of its requests. Two lanes with the same seed get
 * the same fates in the same order, independent of how many requests the other lane sends.
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
  stats(): LaneStats;
  /** Requests that have not ended. */
  busy(): number;
}

export interface LaneStats {
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

export function createLane(seed: number): Lane {
  const random = mulberry32(seed);
  let requests = 0;
  const outcomes = { answered: 0, cut: 0, failed: 0, reset: 0, stalled: 0, refused: 0, abandoned: 0 };

  return {
    arrive(settings) {
      requests += 1;
      return drawFate(settings, random);
    },
    count(outcome) {
      outcomes[outcome] += 1;
    },
    busy: () => requests - Object.values(outcomes).reduce((sum, count) => sum + count, 0),
    stats: () => ({ requests, outcomes: { ...outcomes } }),
  };
}
