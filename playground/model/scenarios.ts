/** The guided scenarios, and their steps by address. */
import { adaptive } from './scenarios/adaptive.ts';
import { breaker } from './scenarios/breaker.ts';
import { canary } from './scenarios/canary.ts';
import { fallback } from './scenarios/fallback.ts';
import { hedge } from './scenarios/hedge.ts';
import { hot } from './scenarios/hot.ts';
import { once } from './scenarios/once.ts';
import { queue } from './scenarios/queue.ts';
import { race } from './scenarios/race.ts';
import { storm } from './scenarios/storm.ts';
import { typing } from './scenarios/typing.ts';
import { whole } from './scenarios/whole.ts';
import type { Place, Scenario, Step } from './types.ts';

export const scenarios: readonly Scenario[] = [
  storm,
  hedge,
  breaker,
  adaptive,
  once,
  whole,
  canary,
  race,
  hot,
  fallback,
  queue,
  typing,
];

export function stepOf({ scenario, step }: Place): Step | undefined {
  return scenarios.find(({ id }) => id === scenario)?.steps[step - 1];
}

/** Whether a step starts the run again: the policies keep their state only from a step to the next one. */
export function startsAgain(next: Place, before: Place | undefined): boolean {
  if (stepOf(next)!.reset || next.scenario !== before?.scenario) return true;
  return next.step !== before.step && next.step !== before.step + 1;
}
