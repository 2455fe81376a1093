/** The permit that `hedge` needs for each copy: an extra request out of the budget. */
import type { Budget } from '../../lib/budget.ts';

export interface CopyPermit {
  /** Takes one extra request out of the budget. If the budget refuses it, the call waits for the next one, and `take` returns false. */
  take(): boolean;
  isWaiting(): boolean;
  /** Ends the wait. */
  release(): void;
}

/** `wake` is called when the budget grants what it had refused: from then on `take` returns true once. */
export function copyPermit(budget: Budget | false | undefined, wake: () => void): CopyPermit {
  let state: 'idle' | 'waiting' | 'granted' = 'idle';
  let leave: (() => void) | undefined;
  const grant = (): void => {
    state = 'granted';
    wake();
  };

  return {
    take() {
      if (!budget) return true;
      if (state === 'idle') {
        if (budget.withdraw()) return true;
        if (budget.wait === undefined) return false;
        state = 'waiting';
        leave = budget.wait(grant);
      }
      if (state === 'waiting') return false;
      state = 'idle';
      return true;
    },
    isWaiting: () => state === 'waiting',
    release() {
      if (state === 'waiting') leave?.();
    },
  };
}
