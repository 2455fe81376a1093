/** The results of a contender's calls: how many were made, how long successful ones took, and why the others were lost. */

export interface Tally {
  /** All calls that were made. */
  started: number;
  /** The time to the last byte of each successful call, ms. */
  readonly durations: number[];
  readonly lost: Map<Loss, number>;
}

/** Why a call was lost: an error status (`503`), or a reason without a status. */
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

/** The time to the last byte of every call that has ended, ms: `Infinity` for a call that was lost. */
export function durationsOf(tally: Tally): readonly number[] {
  return [...tally.durations, ...Array.from({ length: countLost(tally) }, () => Infinity)];
}
