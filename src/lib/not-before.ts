/** Lets a policy tell the ones above it that the next attempt will be refused: a pause before it would be for nothing. */
import type { Outcome } from './outcome.ts';

const refusals = new WeakMap<object, number>();

/** What comes after this outcome is refused until then, Unix ms. The outcome itself stays as it is. */
export function setNotBefore({ response, error }: Outcome, until: number): void {
  const carrier = response ?? error;
  if (typeof carrier === 'object' && carrier !== null) refusals.set(carrier, until);
}

/** Unix ms; `undefined` when nobody said that the next attempt is refused. */
export function notBefore({ response, error }: Outcome): number | undefined {
  return refusals.get((response ?? error) as object);
}
