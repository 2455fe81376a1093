/** Timers. */

/** A platform timer holds 31 bits. A longer delay would fire at once, so it means never. */
export const longestDelay: number = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout> | undefined;

export function after(ms: number, run: () => void): Timer {
  return ms > longestDelay ? undefined : setTimeout(run, Math.max(0, ms));
}

/** Like `after`, but the timer does not keep a Node process alive. */
export function afterUnref(ms: number, run: () => void): Timer {
  const timer = after(ms, run);
  (timer as Referenced)?.unref?.();
  return timer;
}

/** Only Node's timers, and those of runtimes that follow it, keep a process alive. */
type Referenced = { unref?: () => void; ref?: () => void } | undefined;

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

  /**
   * `last` is called once, with the rest of the limit, 2 ms at most, and may return the timer of this rest. If the process was
   * blocked and the timer is late, the rest is as long as it is late, up to `grace`: no server could respond to what was not
   * sent before the block.
   */
  constructor(ms: number, last: (rest: Rest) => Timer, grace = 1) {
    if (ms <= 1) this.#timer = last(ms);
    else if (ms <= longestDelay) {
      const started = performance.now();
      const due = (): void => {
        // Node counts whole milliseconds: a timer runs up to 1 ms early.
        const late = performance.now() - started - ms;
        const rest = late < 0 ? -late : Math.min(late, grace);
        this.#timer = last(late < -2 ? undefined : Math.max(1, Math.ceil(rest)));
      };
      this.#timer = setTimeout(due, Math.ceil(ms) - 1);
    }
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  /** From now on it does not keep a Node process alive. */
  unref(): this {
    (this.#timer as Referenced)?.unref?.();
    return this;
  }

  /** From now on it keeps a Node process alive again. */
  ref(): void {
    (this.#timer as Referenced)?.ref?.();
  }
}
