/** The contract between `limit()` and what grants its starts and permits. adapters/limit grants them to a whole fleet. */

/** A start that was granted. */
export interface Start {
  cost: number;
}

/** Grants the starts of one rate. */
export interface Starts {
  /** ms until a call of this cost may start if calls that cost `ahead` together start first; 0: it may start now. */
  delay(cost: number, ahead: number): number;
  /** Records a start. */
  add(cost: number): Start;
  /** Records what a start has really cost. */
  correct(start: Start, cost: number): void;
  /** Reads what the response to a start says of the rate. */
  observe?(response: Response, start: Start): void;
  /** The cost of the starts that still count; 0: the state can be deleted without effect. */
  readonly recent: number;
  /** A store has been asked, and `wake` will be called: no timer is needed. */
  readonly isPending?: boolean;
  /** Why the starts are those of this process alone. */
  readonly fault?: Error | undefined;
}

/** Grants the permits of the calls that run at the same time. */
export interface Slots {
  /** How many calls may run at present. */
  readonly limit: number;
  /** Receives how many calls run and wait, whenever that has changed. */
  use?(running: number, waiting: number): void;
  /** Why the permits are those of this process alone. */
  readonly fault?: Error | undefined;
}

/** The pauses that a server asks for, known to all processes. */
export interface Pauses {
  /** ms that are left of the latest pause. */
  readonly left: number;
  /** How many processes share the limit, this one included. */
  readonly members: number;
  /** Reports a pause to the others, ms. */
  add(pause: number): void;
}

/** What a limit for one key is shared by. */
export interface SharedKey {
  readonly key: string;
  /** Called when a start or permit may have become available, or later than it seemed. */
  readonly wake: () => void;
}

/**
 * The limits that the processes of a fleet have in common, as `shared()` of `kyoa/redis` and `kyoa/file` returns them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/fleet.md#shared-limits
 */
export interface Across {
  /** `index` is the place of the rate in a list of several. */
  rate(options: SharedKey & { readonly count: number; readonly window: number; readonly index: number }): Starts;
  concurrency(options: SharedKey & { readonly count: number }): Slots;
  pauses(options: SharedKey): Pauses;
}
