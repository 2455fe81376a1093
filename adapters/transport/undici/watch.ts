/** A limit that runs for a while, stops, and may run again; it never keeps the process alive. */

export class Watch {
  readonly limit: number;
  readonly #expired: (elapsed: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #started = 0;

  constructor(limit: number, expired: (elapsed: number) => void) {
    this.limit = limit;
    this.#expired = expired;
  }

  start(): void {
    if (this.limit > longestDelay) return;
    this.#started = performance.now();
    this.#timer = setTimeout(() => this.#expired(performance.now() - this.#started), this.limit).unref();
  }

  /** From the beginning, if it runs. */
  refresh(): void {
    this.#started = performance.now();
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** A platform timer holds 31 bits; a longer delay would fire at once, so it means never. */
const longestDelay = 2 ** 31 - 1;
