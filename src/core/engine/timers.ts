/** Timers. */

/** A platform timer holds 31 bits. A longer delay would fire at once, so it means never. */
export const longestDelay: number = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout> | undefined;

export function after(ms: number, run: () => void): Timer {
  return ms > longestDelay ? undefined : setTimeout(run, Math.max(0, ms));
}

/** Like `after`, but the timer does not keep a Node process alive. */
export function afterUnref(ms: number, run: () => void): Timer {
  return unref(after(ms, run));
}

/** Only Node's timers, and those of runtimes that follow it, keep a process alive. */
function unref(timer: Timer): Timer {
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

/**
 * ms; `undefined` means now: the timer was early, so a test moves the timers and not the clock. The mock timers of `node:test`
 * would run a timer for the rest only at the next move.
 */
export type Rest = number | undefined;

export function afterRest(rest: Rest, run: () => void): Timer {
  if (rest !== undefined) return after(rest, run);
  run();
  return undefined;
}

/**
 * The timer of a limit. It is due a millisecond before the limit, and then `last` waits for the rest. After a process was
 * frozen or blocked, timers are late, and what the limit waits for may already be in the socket: the event loop reads it
 * before the limit expires, because Node reads its sockets before it runs a timer that another timer has set.
 */
export class LimitTimer {
  #timer: Timer;

  /** `last` is called once, with the rest of the limit, 1 ms at most. It may return the timer of this rest. */
  constructor(ms: number, last: (rest: Rest) => Timer) {
    const started = performance.now();
    if (ms <= 1) this.#timer = last(ms);
    else if (ms <= longestDelay) {
      this.#timer = setTimeout(() => {
        this.#timer = last(performance.now() - started < ms - 2 ? undefined : 1);
      }, ms - 1);
    }
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  /** From now on it does not keep a Node process alive. */
  unref(): this {
    unref(this.#timer);
    return this;
  }
}
