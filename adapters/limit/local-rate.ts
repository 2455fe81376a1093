/** The share of a rate that a process has while the store is unreachable: the rate, divided by the members last seen. */

export interface LocalRate {
  /** The processes that share the rate. */
  members: number;
  /** Forgets the starts: the store is reachable. */
  end(): void;
  delay(cost: number, ahead: number): number;
  /** Below 0: gives units back. */
  add(cost: number): void;
}

/** The generic cell rate algorithm. `interval`: ms from one unit to the next, if there were one process. */
export function localRate({
  interval,
  burst,
  members: assumed,
}: {
  readonly interval: number;
  readonly burst: number;
  readonly members: number;
}): LocalRate {
  /** When the bucket will be full again, ms on the clock of `performance.now()`. */
  let full: number | undefined;
  let members = assumed;
  const pace = (): number => interval * members;
  const room = (): number => Math.max(1, burst / members);
  /** At first nothing may start at once: the fleet may just have used its rate. */
  const present = (): number => Math.max((full ??= performance.now() + room() * pace()), performance.now());

  return {
    get members() {
      return members;
    },
    set members(count) {
      members = Math.max(1, count);
    },
    end() {
      full = undefined;
    },
    delay(cost, ahead) {
      const units = cost + ahead - Math.max(room(), cost);
      return Math.max(0, present() + units * pace() - performance.now());
    },
    add(cost) {
      full = present() + cost * pace();
    },
  };
}
