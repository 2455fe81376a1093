/** What a store does for shared limits. Every method is one atomic step on the clock of the store. */

/** Starts that are taken from a rate by the generic cell rate algorithm. */
export interface Taking {
  /** Units to reserve; 0 only reports and registers the process. */
  readonly units: number;
  /** Units that were reserved and not used. */
  readonly back: number;
  /** When the first of these was reserved. If all units of the rate were free in between, they are so already. */
  readonly since: number;
  /** Units that were used and not reserved. */
  readonly owed: number;
  /** ms from one unit to the next. */
  readonly interval: number;
  /** Units that may be used at once. */
  readonly burst: number;
  readonly window: number;
}

export interface Taken {
  /** ms until the units may be used. */
  readonly wait: number;
  /** The processes that have asked lately. */
  readonly members: number;
  /** When the units were reserved, ms on the clock of the store. */
  readonly now: number;
}

/** Permits that a process holds, under a lease. */
export interface Holding {
  /** The calls that run at present. */
  readonly running: number;
  /** Permits that the process could use. */
  readonly want: number;
  /** All permits. */
  readonly count: number;
  /** ms. */
  readonly lease: number;
}

export interface Held {
  /** The permits of this process: its fair share, if all have too few. */
  readonly permits: number;
  readonly members: number;
  /** Another process has fewer permits than its share. */
  readonly short: boolean;
}

export interface Paused {
  /** ms until the latest pause ends. */
  readonly left: number;
  readonly members: number;
}

export interface Ledger {
  take(key: string, member: string, taking: Taking): Promise<Taken>;
  hold(key: string, member: string, holding: Holding): Promise<Held>;
  /** `pause`: a new pause, ms, or 0 to read. */
  pause(key: string, member: string, pause: number): Promise<Paused>;
}

/** A process that has not asked for this long, ms, is no member any more. */
export const memberTime = 10_000;
/** A process that waits for a permit asks at least this often, ms; after this long it does not wait any more. */
export const waitTime = 1_000;
