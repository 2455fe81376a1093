/**
 * A semaphore with a priority queue and a rate: a call needs a permit and a start within the window.
 * (p-limit cannot remove a waiter from its queue; p-queue emits events for each call.)
 */
import type { Concurrency } from './aimd.ts';
import type { SlidingWindowLog } from './sliding-window-log.ts';
import { after, type Timer } from '../../core/engine/timers.ts';
import { isRequestBound } from '../../lib/request-bound.ts';
import { noop } from '../../lib/noop.ts';
import { presence } from './presence.ts';

export interface Semaphore {
  /** Takes a permit if a call may run at once. */
  tryAcquire(): Permit | undefined;
  /** Resolves to a permit when it is the call's turn. An abort ends the wait with the reason of the signal. */
  acquire(priority: number, signal: AbortSignal): Promise<Permit>;
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

/**
 * The state of one key of `limit()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export interface LimitState {
  readonly running: number;
  readonly waiting: number;
  /** How many calls may run at present; absent without such a limit. */
  readonly concurrency?: number;
  /** Starts within the window of the rate; absent without a rate. */
  readonly starts?: number;
}

/** The permit of a call. */
export interface Permit {
  /** Only the first release counts: an abort and the end of the body may both release it. */
  readonly release: () => void;
  /** Called at the release. */
  leave: () => void;
}

interface Waiter {
  readonly priority: number;
  start(permit: Permit): void;
}

export function semaphore(concurrency: Pick<Concurrency, 'limit'>, starts: SlidingWindowLog | undefined): Semaphore {
  /** By priority, then by the order of arrival. */
  const waiters: Waiter[] = [];
  /** Where a request must not wake another one, each waiting call looks for its permit by a timer of its own. */
  const present = isRequestBound() ? presence() : undefined;
  let running = 0;
  let timer: Timer;

  const take = (): Permit => {
    running += 1;
    starts?.add();
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      running -= 1;
      permit.leave();
      wake();
    };
    const permit: Permit = { release, leave: noop };
    return permit;
  };
  /** Where calls give signs, the call that has the permit does so from now on. */
  const occupy = (permit: Permit): Permit => {
    if (present !== undefined) permit.leave = present.enter(noop, permit.release);
    return permit;
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
        if (present === undefined) timer = after(Math.ceil(delay), wake);
        return;
      }
      waiters.shift()!.start(take());
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
      present?.sweep();
      wake(); // the timer may be late
      if (waiters.length > 0 || running >= concurrency.limit || (starts !== undefined && starts.delay() > 0))
        return undefined;
      return occupy(take());
    },
    acquire(priority, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        let permit: Permit | undefined;
        let leave = noop;
        const arrive = (given: Permit): void => {
          signal.removeEventListener('abort', onAbort);
          leave();
          resolve(occupy(given));
        };
        const waiter: Waiter = {
          priority,
          start(given) {
            permit = given;
            if (present === undefined) arrive(given);
          },
        };
        const enqueue = (): void => {
          waiters.splice(ahead(priority), 0, waiter);
          wake();
        };
        const drop = (): void => {
          const given = permit;
          permit = undefined;
          if (given !== undefined) return given.release();
          const index = waiters.indexOf(waiter);
          if (index >= 0) waiters.splice(index, 1); // it may have been dropped before
          wake(); // without a waiter this clears the timer
        };
        const onAbort = (): void => {
          leave();
          drop();
          reject(signal.reason);
        };
        const look = (): void => {
          if (permit !== undefined) arrive(permit);
          else if (waiters.includes(waiter)) wake();
          else enqueue(); // it was dropped
        };
        signal.addEventListener('abort', onAbort, { once: true });
        if (present !== undefined) leave = present.enter(look, drop);
        enqueue();
      });
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
      present?.sweep();
      return running === 0 && waiters.length === 0 && !starts?.recent;
    },
    get snapshot() {
      present?.sweep();
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
