/**
 * Which calls still exist, where a request may end without running any more of its code: on Workers it does so when it has
 * passed a response on unread. A call gives a sign at intervals, by a timer of its own. One that has given none for a
 * while is gone.
 */
import { noop } from '../../lib/noop.ts';
import { lookAgain, lookInterval } from '../../lib/platform.ts';

export interface Presence {
  /** Calls `look` at intervals, and `drop` if the call is gone. Returns a function that the call calls when it ends. */
  enter(look: () => void, drop: () => void): () => void;
  /** Drops the calls that are certainly gone, however long the isolate was busy. */
  sweep(): void;
}

interface Member {
  seen: number;
  readonly drop: () => void;
}

/** ms without a sign, after which a call is gone that another call has watched meanwhile. */
const watchedSilence = 500;
/** The same without a call that has watched. */
const longestSilence = 10_000;

export function presence(): Presence {
  const members = new Set<Member>();
  let lastWatch = 0;
  const dropSilent = (now: number, silence: number): void => {
    for (const member of members) {
      if (now - member.seen <= silence) continue;
      members.delete(member);
      member.drop();
    }
  };

  return {
    enter(look, drop) {
      const member = { seen: performance.now(), drop };
      members.add(member);
      const sign = (): boolean => {
        const now = performance.now();
        // If this sign is late, the isolate was busy, and the signs of the others are late as well.
        const isLate = now - member.seen > 5 * lookInterval;
        member.seen = now;
        members.add(member);
        // One call watches for all that wait.
        if (!isLate && now - lastWatch >= lookInterval) dropSilent((lastWatch = now), watchedSilence);
        look();
        return false;
      };
      const end = lookAgain(sign, noop);
      return () => {
        members.delete(member);
        end();
      };
    },
    sweep: () => dropSilent(performance.now(), longestSilence),
  };
}
