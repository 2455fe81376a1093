/** The pauses that a server has asked one process of a fleet for, as the others learn of them. */
import type { Pauses } from '../../src/core/shared-limits.ts';
import type { Store } from './ledger-client.ts';

export interface SharedPausesOptions {
  readonly key: string;
  readonly wake: () => void;
  /** The processes that are assumed until the store has counted them. */
  readonly members: number;
}

/** A process that starts calls asks this often for pauses, ms. */
const interval = 50;

export function sharedPauses(store: Store, { key, wake, members: assumed }: SharedPausesOptions): Pauses {
  let members = assumed;
  /** ms on the clock of `performance.now()`. */
  let until = 0;
  let asked = -Infinity;

  const read = async (pause: number): Promise<void> => {
    const paused = await store.ledger.pause(key, store.member, pause);
    members = paused.members;
    until = Math.max(until, performance.now() + paused.left);
  };
  const ask = async (pause: number): Promise<void> => {
    asked = performance.now();
    await store.ask(
      () => read(pause),
      () => {},
    );
    wake();
  };

  return {
    get left() {
      const now = performance.now();
      if (store.fault !== undefined) store.retry(() => read(0), wake);
      else if (now - asked >= interval) void ask(0);
      return Math.max(0, until - now);
    },
    get members() {
      return members;
    },
    add(pause) {
      void ask(pause);
    },
  };
}
