/** Limits one phase of a call. It can be started again, and it never keeps the process alive. */
import { afterUnref, SharedTimer } from '../../../src/core/engine/timers.ts';

export class PhaseTimer {
  readonly #limit: number;
  readonly #expired: (elapsed: number) => void;
  #timer: SharedTimer | undefined;

  /** `limit` in ms; Infinity for none. `expired` is called with the time since the start, ms. */
  constructor(limit: number, expired: (elapsed: number) => void) {
    this.#limit = limit;
    this.#expired = expired;
  }

  start(): void {
    if (this.#limit === Infinity) return;
    const expire = (): void => this.#expired(performance.now() - timer.since);
    const timer = new SharedTimer(this.#limit, expire, afterUnref);
    this.#timer = timer;
  }

  /** Starts a running timer again, and leaves a stopped one stopped. */
  refresh(): void {
    if (this.#timer === undefined) return;
    this.stop();
    this.start();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
