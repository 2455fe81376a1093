/** A queue before a bounded number of places and starts. (p-limit's waiters cannot leave; p-queue emits events for each call.) */
import type { Concurrency } from './aimd.ts';
import type { SlidingWindowLog } from './sliding-window-log.ts';
import { after, type Timer } from '../../core/engine/timers.ts';

export interface Semaphore {
  /** Whether a call may run at once; if so, it does. */
  tryAcquire(): boolean;
  /** Resolves when it is one's turn, and one runs. A signal that aborts ends the wait with its reason. */
  acquire(priority: number, signal: AbortSignal): Promise<void>;
  /** A call is over. */
  release(): void;
  /** Lets in whoever may run by now, as when there are more places. */
  wake(): void;
  /** How many would go first. */
  ahead(priority: number): number;
  /** ms until a call with so many ahead may start, as far as starts go. */
  delay(ahead: number): number;
  readonly running: number;
  readonly waiting: number;
  /** Nothing of it would be missed. */
  readonly isIdle: boolean;
  readonly snapshot: LimitState;
}

export interface LimitState {
  readonly running: number;
  readonly waiting: number;
  /** How many may run at present; absent without such a bound. */
  readonly concurrency?: number;
  /** Starts within the window of the rate; absent without one. */
  readonly starts?: number;
}

interface Waiter {
  readonly priority: number;
  enter(): void;
}

export function semaphore(places: Pick<Concurrency, 'limit'>, starts: SlidingWindowLog | undefined): Semaphore {
  /** By priority, and by the order of their coming. */
  const waiters: Waiter[] = [];
  let running = 0;
  let timer: Timer;

  const start = (): void => {
    running += 1;
    starts?.add();
  };
  /** Only where the next waiter has a place but no start is free, a clock has to wake it. */
  const wake = (): void => {
    if (waiters.length === 0 && timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    while (waiters.length > 0 && running < places.limit) {
      const delay = starts?.delay() ?? 0;
      if (delay > 0) {
        // It keeps a process alive: whoever waits for it has made a call that is to be sent.
        timer = after(Math.ceil(delay), wake);
        return;
      }
      start();
      waiters.shift()!.enter();
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
      wake(); // a timer may be late
      if (waiters.length > 0 || running >= places.limit || (starts !== undefined && starts.delay() > 0)) return false;
      start();
      return true;
    },
    acquire(priority, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          priority,
          enter() {
            signal.removeEventListener('abort', leave);
            resolve();
          },
        };
        const leave = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          wake(); // perhaps nobody is left to be woken
          reject(signal.reason);
        };
        signal.addEventListener('abort', leave, { once: true });
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
      const { limit } = places;
      const concurrency = limit < Infinity && { concurrency: limit };
      return { running, waiting: waiters.length, ...concurrency, ...(starts && { starts: starts.recent }) };
    },
  };
}
