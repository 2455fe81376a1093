/** Makes calls at a fixed rate that does not depend on the responses: real callers do not slow down when a server does. */

export interface Traffic {
  start(): void;
  stop(): void;
  /** Sets the rate, in calls a second. */
  change(rate: number): void;
  /** How late the calls of the last second were made, ms on average; 0 if none was. */
  lateness(): number;
}

/** ms. Timers of a background page fire once a second. Calls that are overdue by more than that are not made. */
const longestDebt = 1_000;

export function createTraffic(rate: number, call: () => void): Traffic {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = 0;
  const delays = createDelays();

  const run = (): void => {
    const now = performance.now();
    due = Math.max(due, now - longestDebt);
    for (; due <= now; due += 1_000 / rate) {
      delays.add(now, now - due);
      call();
    }
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
    lateness: () => delays.mean(performance.now()),
  };
}

/** The delays of the last second. */
function createDelays() {
  const all: { readonly time: number; readonly delay: number }[] = [];
  return {
    add(time: number, delay: number): void {
      all.push({ time, delay });
      while (all[0]!.time < time - 1_000) all.shift();
    },
    mean(now: number): number {
      const recent = all.filter(({ time }) => time >= now - 1_000);
      return recent.length === 0 ? 0 : recent.reduce((sum, { delay }) => sum + delay, 0) / recent.length;
    },
  };
}
