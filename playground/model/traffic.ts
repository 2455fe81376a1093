/** Calls at a fixed rate that waits for nobody: callers in the wild do not slow down because the server did. */

export interface Traffic {
  start(): void;
  stop(): void;
  /** Calls a second, from now on. */
  change(rate: number): void;
}

/** ms; a page in the background gets its timers once a second, and what it missed beyond that is not made up for. */
const longestDebt = 1_000;

export function createTraffic(rate: number, call: () => void): Traffic {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = 0;

  const run = (): void => {
    const now = performance.now();
    due = Math.max(due, now - longestDebt);
    for (; due <= now; due += 1_000 / rate) call();
    timer = setTimeout(run, Math.max(0, due - performance.now()));
  };

  return {
    start() {
      if (timer !== undefined) return;
      due = performance.now();
      run();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    change(wanted) {
      rate = wanted;
      if (timer === undefined) return;
      this.stop();
      this.start();
    },
  };
}
