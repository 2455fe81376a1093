/**
 * A semaphore with a priority queue and a rate: a call needs a permit and a start within the window.
 * (p-limit cannot remove a waiter from its queue; p-queue emits events for each call.)
 */
import type { Concurrency } from './aimd.ts';
import type { SlidingWindowLog } from './sliding-window-log.ts';
import { after, type Timer } from '../../core/engine/timers.ts';

export interface Semaphore {
  /** Takes a permit if a call may run at once; returns whether it did. */
  tryAcquire(): boolean;
  /** Resolves with a permit taken when it is the call's turn. An abort ends the wait with the reason of the signal. */
  acquire(priority: number, signal: AbortSignal): Promise<void>;
  /** Returns the permit of a call. */
  release(): void;
  /** Starts the waiting calls that may run by now, for example because the limit has grown. */
  wake(): void;
  /** How many waiting calls would go before a call of this priority. */
  ahead(priority: number): number;
  /** ms until the rate allows a call to start that has `ahead` calls before it. */
  delay(ahead: number): number;
  readonly running: number;
  readonly waiting: number;
  /** Whether it can be deleted without effect: no call runs or waits, and no start is within the window. */
  readonly isIdle: boolean;
  readonly snapshot: LimitState;
}

export interface LimitState {
  readonly running: number;
  readonly waiting: number;
  /** How many calls may run at present; absent without such a limit. */
  readonly concurrency?: number;
  /** Starts within the window of the rate; absent without a rate. */
  readonly starts?: number;
}

interface Waiter {
  readonly priority: number;
  start(): void;
}

export function semaphore(concurrency: Pick<Concurrency, 'limit'>, starts: SlidingWindowLog | undefined): Semaphore {
  /** By priority, then by the order of arrival. */
  const waiters: Waiter[] = [];
  let running = 0;
  let timer: Timer;

  const take = (): void => {
    running += 1;
    starts?.add();
  };
  /** A timer is needed only if the next waiter could have a permit but the rate does not allow a start yet. */
  const wake = (): void => {
    if (waiters.length === 0 && timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    while (waiters.length > 0 && running < concurrency.limit) {
      const delay = starts?.delay() ?? 0;
      if (delay > 0) {
        // This timer keeps a process alive, because the waiting call is still to be sent.
        timer = after(Math.ceil(delay), wake);
        return;
      }
      take();
      waiters.shift()!.start();
    }
  };
  const ahead = (priority: number): number => {
    let low = 0;
    let high = waiters.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (waiters[middle]!.priority >= priority) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    tryAcquire() {
      wake(); // the timer may be late
      if (waiters.length > 0 || running >= concurrency.limit || (starts !== undefined && starts.delay() > 0))
        return false;
      take();
      return true;
    },
    acquire(priority, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          priority,
          start() {
            signal.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        const onAbort = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          wake(); // without a waiter this clears the timer
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiters.splice(ahead(priority), 0, waiter);
        wake();
      });
    },
    release() {
      running -= 1;
      wake();
    },
    wake,
    ahead,
    delay: (ahead) => starts?.delay(ahead) ?? 0,
    get running() {
      return running;
    },
    get waiting() {
      return waiters.length;
    },
    get isIdle() {
      return running === 0 && waiters.length === 0 && !starts?.recent;
    },
    get snapshot() {
      const { limit } = concurrency;
      return {
        running,
        waiting: waiters.length,
        ...(limit < Infinity && { concurrency: limit }),
        ...(starts && { starts: starts.recent }),
      };
    },
  };
}
