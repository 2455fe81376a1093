/** Timers that know what the platform's cannot do. */
import { LinkedList, type ListNode } from './linked-list.ts';

/** A platform timer holds 31 bits; a longer delay would fire at once, so it means never. */
export const longestDelay: number = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout> | undefined;

export function after(ms: number, run: () => void): Timer {
  return ms > longestDelay ? undefined : setTimeout(run, Math.max(0, ms));
}

/** As `after`, but does not keep a Node process alive. */
export function afterUnref(ms: number, run: () => void): Timer {
  const timer = after(ms, run);
  (timer as { unref?: () => void } | undefined)?.unref?.();
  return timer;
}

/** Rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const timer = after(ms, wake);
    const leave = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
  });
}

/** An alarm stands in the line for as long as this, ms, and for at most twice that. */
const sharedTime = 50;

const line = new LinkedList<SharedTimer>();
let scanning = false;

/** Under a test's fake timers, which may drop a timer of ours or stand still, every alarm is a timer of its own. */
const platformTimeout = globalThis.setTimeout;

/** Not a test's. */
export function timersAreReal(): boolean {
  return globalThis.setTimeout === platformTimeout;
}

/**
 * A timer for a wait that nearly always ends long before its time. One of the platform costs two microseconds where it
 * is alone with its delay, as much as a small policy, and most answers come within milliseconds: so an alarm first
 * stands in a line with all the others, which one timer looks through, and has one of its own only after a while.
 */
export class SharedTimer implements ListNode<SharedTimer> {
  list: LinkedList<SharedTimer> | undefined;
  prev: SharedTimer | undefined;
  next: SharedTimer | undefined;
  readonly #set: number;
  readonly #ms: number;
  readonly #ring: () => void;
  readonly #idly: boolean;
  #timer: Timer;

  /** Runs `ring` once after `ms`; `idly`: without keeping a Node process alive, but for the moment in the line. */
  constructor(ms: number, ring: () => void, idly = false) {
    this.#set = performance.now();
    this.#ms = ms;
    this.#ring = ring;
    this.#idly = idly;
    if (ms < 2 * sharedTime || !timersAreReal()) this.#start(ms);
    else if (ms <= longestDelay) {
      line.add(this);
      if (!scanning) scan();
    }
  }

  cancel(): void {
    if (!line.delete(this)) clearTimeout(this.#timer);
  }

  /** When it was set, on the clock of `performance.now()`. */
  get since(): number {
    return this.#set;
  }

  leave(now: number): void {
    line.delete(this);
    this.#start(this.#set + this.#ms - now);
  }

  #start(ms: number): void {
    this.#timer = (this.#idly ? afterUnref : after)(ms, this.#ring);
  }
}

function scan(): void {
  scanning = true;
  platformTimeout(() => {
    scanning = false;
    const now = performance.now();
    for (const alarm of line) {
      if (alarm.since > now - sharedTime) break;
      alarm.leave(now);
    }
    if (line.size > 0) scan();
  }, sharedTime);
}
