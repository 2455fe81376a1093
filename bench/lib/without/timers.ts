/** Every wait has a platform timer from its start. */
import type { Timer } from '../../../src/core/engine/timers.ts';

export * from '../../../src/core/engine/timers.ts';

export class SharedTimer {
  readonly since: number = performance.now();
  readonly #timer: Timer;

  constructor(ms: number, run: () => void, start: (ms: number, run: () => void) => Timer) {
    this.#timer = start(ms, run);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
