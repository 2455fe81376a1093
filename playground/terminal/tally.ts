/** What a contender's callers saw: how many calls, how long the answers took, and how the others were lost. */

export interface Tally {
  /** Calls begun, answered or not. */
  started: number;
  /** ms to the last byte, one of every answered call. */
  readonly durations: number[];
  readonly lost: Map<Loss, number>;
}

/** A status (`503`), or what else came instead of an answer. */
export type Loss = number | 'broken' | 'late' | 'circuit open';

export function createTally(): Tally {
  return { started: 0, durations: [], lost: new Map() };
}

export function lose(tally: Tally, loss: Loss): void {
  tally.lost.set(loss, (tally.lost.get(loss) ?? 0) + 1);
}

export function countLost({ lost }: Tally): number {
  return [...lost.values()].reduce((sum, count) => sum + count, 0);
}

export function countSettled(tally: Tally): number {
  return tally.durations.length + countLost(tally);
}
