/** Carries the outcomes of checks out of the runtime that runs them. */
import type { Check } from './capabilities.ts';

export interface Outcome {
  readonly name: string;
  /** Absent if the check has passed. */
  readonly error?: string;
}

/** Runs each check and passes on its outcome. */
export function recorded(write: (outcome: Outcome) => void): Check {
  return async (name, work) => {
    try {
      await work();
      write({ name });
    } catch (error) {
      write({ name, error: described(error) });
    }
  };
}

/** Repeats the outcome of a check that has run elsewhere. */
export function repeated(check: Check, { name, error }: Outcome): Promise<void> {
  return check(name, async () => {
    if (error !== undefined) throw new Error(error);
  });
}

export function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\n  because of ${described(error.cause)}`;
  // Firefox and JavaScriptCore leave the message out of the stack.
  const stack = error.stack ?? '';
  return `${stack.includes(error.message) ? stack : `${error.name}: ${error.message}\n${stack}`}${cause}`;
}
