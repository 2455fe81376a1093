/** A clock for simulations of many thousands of timers: it replaces the timers and clocks of the process until it is disposed. */

export interface VirtualClock extends Disposable {
  /** ms since it was made. */
  readonly now: number;
  /** Runs all timers of the next `ms`. What a millisecond starts settles before the next one. */
  advance(ms: number): Promise<void>;
}

interface Timer {
  readonly run: () => void;
  isCleared: boolean;
}

const turn = setImmediate;

export function virtualClock(): VirtualClock {
  const originals = [setTimeout, clearTimeout, performance.now.bind(performance), Date.now] as const;
  const unix = Date.now();
  /** By the millisecond in which they are due. */
  const timers = new Map<number, Timer[]>();
  let now = 0;

  const add = (run: (...args: unknown[]) => void, delay = 0, ...args: unknown[]): object => {
    const due = now + Math.max(1, Math.ceil(delay));
    const timer: Timer = { run: () => run(...args), isCleared: false };
    const others = timers.get(due);
    if (others === undefined) timers.set(due, [timer]);
    else others.push(timer);
    return Object.assign(timer, { unref: () => timer, ref: () => timer });
  };
  const clear = (timer: unknown): void => {
    if (typeof timer === 'object' && timer !== null) (timer as Timer).isCleared = true;
  };
  const install = (timeout: unknown, clearTimeout: unknown, monotonic: () => number, date: () => number): void => {
    Object.assign(globalThis, { setTimeout: timeout, clearTimeout });
    Object.assign(performance, { now: monotonic });
    Date.now = date;
  };
  install(
    add,
    clear,
    () => now,
    () => unix + now,
  );

  return {
    get now() {
      return now;
    },
    async advance(ms) {
      for (const end = now + ms; now < end;) {
        now += 1;
        const due = timers.get(now);
        if (due === undefined) continue;
        timers.delete(now);
        for (const timer of due) if (!timer.isCleared) timer.run();
        await new Promise((resolve) => turn(resolve));
      }
    },
    [Symbol.dispose]: () => install(...originals),
  };
}
