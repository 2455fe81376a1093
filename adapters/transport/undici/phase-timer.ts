/** Limits one phase of a call. It can be started again, and it never keeps the process alive. */
import { afterRest, LimitTimer } from '../../../src/core/engine/timers.ts';

export class PhaseTimer {
  readonly #limit: number;
  readonly #expired: (elapsed: number) => void;
  #timer: LimitTimer | undefined;
  #started = 0;
  #refreshed = false;

  /** `limit` in ms; Infinity for none. `expired` is called with the time since the start, ms. */
  constructor(limit: number, expired: (elapsed: number) => void) {
    this.#limit = limit;
    this.#expired = expired;
  }

  start(): void {
    if (this.#limit === Infinity) return;
    this.#started = performance.now();
    this.#refreshed = false;
    this.#run(this.#limit);
  }

  /** Starts a running timer again, and leaves a stopped one stopped. Each byte of a body may do so. */
  refresh(): void {
    if (this.#timer === undefined) return;
    this.#started = performance.now();
    this.#refreshed = true;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #run(ms: number): void {
    this.#timer = new LimitTimer(ms, (rest) => afterRest(rest, () => this.#expire()), ms).unref();
  }

  #expire(): void {
    const elapsed = performance.now() - this.#started;
    if (!this.#refreshed) return this.#expired(elapsed);
    this.#refreshed = false;
    this.#run(Math.max(this.#limit - elapsed, 1));
  }
}
