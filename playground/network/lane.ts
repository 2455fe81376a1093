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
  arrive(weather: Settings): Fate;
  /** Counts how a request ended. */
  count(outcome: Outcome): void;
  stats(): LaneStats;
}

export interface LaneStats {
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

export function createLane(seed: number): Lane {
  const random = mulberry32(seed);
  let requests = 0;
  const outcomes = { answered: 0, failed: 0, reset: 0, stalled: 0, refused: 0, abandoned: 0 };

  return {
    arrive(weather) {
      requests += 1;
      return drawFate(weather, random);
    },
    count(outcome) {
      outcomes[outcome] += 1;
    },
    stats: () => ({ requests, outcomes: { ...outcomes } }),
  };
}
