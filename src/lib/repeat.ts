/** p-retry's loop over outcomes: it goes by what is thrown, and never repeats a bare TypeError. */
import pRetry from 'p-retry';
import type { Outcome } from './outcome.ts';

export interface Repetition {
  readonly retries: number;
  /** The nth attempt, with the pause before it. What it rejects with ends the loop. */
  readonly attempt: (attempt: number) => Promise<Outcome>;
  /** Whether an outcome is worth another attempt. */
  readonly isBad: (outcome: Outcome) => boolean;
  /** Whether there may be an nth retry after a bad one. */
  readonly mayRetry: (outcome: Outcome, retry: number) => Promise<boolean>;
}

/**
 * From the first outcome, which was bad, to the last, and whether that is bad still. The pauses are the attempts' own:
 * p-retry can neither be told each of them nor interrupt one. Nor is it told a signal: it would drop an answer that comes
 * after the abort, unread and not cancelled.
 */
export async function repeat(
  first: Outcome,
  { retries, attempt, isBad, mayRetry }: Repetition,
): Promise<{ readonly outcome: Outcome; readonly bad: boolean }> {
  const run = async (n: number): Promise<Outcome> => {
    if (n === 1) throw new Again(first);
    const outcome = await attempt(n);
    if (isBad(outcome)) throw new Again(outcome);
    return outcome;
  };
  const shouldRetry = ({ error, attemptNumber }: { error: Error; attemptNumber: number }): boolean | Promise<boolean> =>
    error instanceof Again && mayRetry(error.outcome, attemptNumber);
  try {
    return { outcome: await pRetry(run, { retries, minTimeout: 0, shouldRetry }), bad: false };
  } catch (error) {
    if (error instanceof Again) return { outcome: error.outcome, bad: true };
    throw error;
  }
}

/** An outcome on its way through p-retry. */
class Again extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('The outcome is worth another attempt');
    this.outcome = outcome;
  }
}
