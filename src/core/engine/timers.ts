/**
 * Timers. A platform timer costs 2 us where no other timer has the same delay, as much as a small policy, and most waits
 * of a call end within milliseconds. A `SharedTimer` therefore starts in a list that one platform timer scans every 50 ms.
 */
import { LinkedList, type ListNode } from './linked-list.ts';

/** A platform timer holds 31 bits. A longer delay would fire at once, so it means never. */
export const longestDelay: number = 2 ** 31 - 1;

/** Node's timers fire up to a millisecond late when the program is idle, ms. A later timer shows that it was blocked. */
export const timerTolerance = 2;

export type Timer = ReturnType<typeof setTimeout> | undefined;

export function after(ms: number, run: () => void): Timer {
  return ms > longestDelay ? undefined : setTimeout(run, Math.max(0, ms));
}

/** Like `after`, but the timer does not keep a Node process alive. */
export function afterUnref(ms: number, run: () => void): Timer {
  const timer = after(ms, run);
  (timer as { unref?: () => void } | undefined)?.unref?.();
  return timer;
}

/** Rejects with the signal's reason as soon as the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      signal.removeEventListener('abort', cancel);
      resolve();
    };
    const timer = after(ms, wake);
    const cancel = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
  });
}

/** ms. */
const scanInterval = 50;
/** A timer leaves the list at the first scan after this time, ms. Most responses come earlier. */
const listTime = 150;

const list = new LinkedList<SharedTimer>();
let scanning = false;

/** Fake timers of a test may drop the scan or never run it. While they are installed, no timer enters the list. */
const platformTimeout = globalThis.setTimeout;

/**
 * A timer for a wait that nearly always ends early. It gets a platform timer of its own only when it leaves the list, or
 * at once if it may be due before it would leave. In the list it keeps a Node process alive, for 200 ms at most.
 */
export class SharedTimer implements ListNode<SharedTimer> {
  list: LinkedList<SharedTimer> | undefined;
  prev: SharedTimer | undefined;
  next: SharedTimer | undefined;
  /** When the timer was started, on the clock of `performance.now()`. */
  readonly since: number = performance.now();
  readonly #ms: number;
  readonly #run: () => void;
  readonly #start: StartTimer;
  #timer: Timer;

  /** Calls `run` once, after `ms`. `start` starts the timer's own platform timer with the time that is left. */
  constructor(ms: number, run: () => void, start: StartTimer) {
    this.#ms = ms;
    this.#run = run;
    this.#start = start;
    if (ms < listTime + scanInterval || globalThis.setTimeout !== platformTimeout) this.#timer = start(ms, run);
    else if (ms <= longestDelay) {
      list.add(this);
      if (!scanning) scanLater();
    }
  }

  cancel(): void {
    if (!list.delete(this)) clearTimeout(this.#timer);
  }

  leaveList(now: number): void {
    list.delete(this);
    this.#timer = this.#start(this.since + this.#ms - now, this.#run);
  }
}

type StartTimer = (ms: number, run: () => void) => Timer;

function scanLater(): void {
  scanning = true;
  platformTimeout(() => {
    scanning = false;
    const now = performance.now();
    for (const timer of list) {
      if (timer.since > now - listTime) break;
      timer.leaveList(now);
    }
    if (list.size > 0) scanLater();
  }, scanInterval);
}
