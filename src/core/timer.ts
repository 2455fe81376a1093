/** Timers that know what the platform's cannot do. */

/** A platform timer holds 31 bits; a longer delay would fire at once, so it means never. */
export const longestDelay: number = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout> | undefined;

export function after(ms: number, run: () => void): Timer {
  return ms > longestDelay ? undefined : setTimeout(run, Math.max(0, ms));
}

/** As `after`, but does not keep a Node process alive. */
export function afterIdly(ms: number, run: () => void): Timer {
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
