/** Limits one phase of a call. It can be started again, and it never keeps the process alive. */
import { afterRest, LimitTimer } from '../../../src/core/engine/timers.ts';

export class PhaseTimer {
  readonly #limit: number;
  readonly #expired: (elapsed: number) => void;
  #timer: LimitTimer | undefined;

  /** `limit` in ms; Infinity for none. `expired` is called with the time since the start, ms. */
  constructor(limit: number, expired: (elapsed: number) => void) {
    this.#limit = limit;
    this.#expired = expired;
  }

  start(): void {
    if (this.#limit === Infinity) return;
    const started = performance.now();
    const expire = (): void => this.#expired(performance.now() - started);
    this.#timer = new LimitTimer(this.#limit, (rest) => afterRest(rest, expire)).unref();
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
