/** A limit that runs for a while, stops, and may run again; it never keeps the process alive. */
import { SharedTimer } from '../../../src/core/engine/timers.ts';

export class Watch {
  readonly limit: number;
  readonly #expired: (elapsed: number) => void;
  #alarm: SharedTimer | undefined;

  constructor(limit: number, expired: (elapsed: number) => void) {
    this.limit = limit;
    this.#expired = expired;
  }

  start(): void {
    if (this.limit === Infinity) return;
    const ring = (): void => this.#expired(performance.now() - alarm.since);
    const alarm = new SharedTimer(this.limit, ring, true);
    this.#alarm = alarm;
  }

  /** From the beginning, if it runs. */
  refresh(): void {
    if (this.#alarm === undefined) return;
    this.stop();
    this.start();
  }

  stop(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }
}
