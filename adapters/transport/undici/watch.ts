/** A limit that runs for a while, stops, and may run again; it never keeps the process alive. */
import { Alarm } from '../../../src/lib/alarm.ts';

export class Watch {
  readonly limit: number;
  readonly #expired: (elapsed: number) => void;
  #alarm: Alarm | undefined;
  #started = 0;

  constructor(limit: number, expired: (elapsed: number) => void) {
    this.limit = limit;
    this.#expired = expired;
  }

  start(): void {
    this.#started = performance.now();
    const ring = (): void => this.#expired(performance.now() - this.#started);
    if (this.limit < Infinity) this.#alarm = new Alarm(this.limit, ring, true);
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
