/**
 * A semaphore with a priority queue and rates: a call needs a permit, and a start of every rate.
 * (p-limit cannot remove a waiter from its queue; p-queue emits events for each call.)
 */
import type { Slots, Start, Starts } from '../../core/shared-limits.ts';
import { after, type Timer } from '../../core/engine/timers.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { noop } from '../../lib/noop.ts';
import { presence } from './vanished-calls.ts';

export interface Semaphore {
  /** Takes a permit if a call with these costs, one for each rate, may run at once. */
  tryAcquire(costs: Costs): Permit | undefined;
  /**
   * Resolves to a permit when it is the call's turn, or to `undefined` once its turn is known to come after its deadline.
   * An abort ends the wait with the reason of the signal.
   */
  acquire(call: Waiting, signal: AbortSignal): Promise<Permit | undefined>;
  /** Starts the waiting calls that may run by now, for example because the limit has grown. */
  wake(): void;
  /** As `wake`; it also ends the wait of calls whose turn would come too late by what is known now. */
  review(): void;
  /** How many waiting calls would go before a call of this priority. */
  ahead(priority: number): number;
  /** ms until each rate allows a call to start that has `ahead` calls before it. */
  delays(costs: Costs, ahead: number): readonly number[];
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
  /** Starts within the window of the rate, or their cost; of several rates the first. Absent without a rate. */
  readonly starts?: number;
}

/** What a call costs of each rate. */
export type Costs = readonly number[];

/** A call that waits. */
export interface Waiting {
  readonly costs: Costs;
  readonly priority: number;
  /** ms on the clock of `performance.now()`. */
  readonly deadline: number;
}

/** The permit of a call. */
export interface Permit {
  /** Its start of each rate. */
  readonly starts: readonly Start[];
  /** Only the first release counts: an abort and the end of the body may both release it. */
  readonly release: () => void;
  /** Called at the release. */
  leave: () => void;
}

interface Waiter extends Waiting {
  start(permit: Permit): void;
  refuse(): void;
}

export function semaphore(slots: Slots, rates: readonly Starts[]): Semaphore {
  /** By priority, then by the order of arrival. */
  const waiters: Waiter[] = [];
  /** Where a request must not wake another one, each waiting call looks for its permit by a timer of its own. */
  const present = isRequestBound() ? presence() : undefined;
  let running = 0;
  let timer: Timer;

  const use = (): void => slots.use?.(running, waiters.length);
  const take = (costs: Costs): Permit => {
    running += 1;
    use();
    const starts = rates.map((rate, index) => rate.add(costs[index]!));
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      running -= 1;
      permit.leave();
      wake();
      use();
    };
    const permit: Permit = { starts, release, leave: noop };
    return permit;
  };
  const none: Costs = rates.map(() => 0);
  const plus = (some: Costs, more: Costs): Costs => some.map((cost, index) => cost + more[index]!);
  /** ms until each rate allows a start with these costs, after starts that cost `before` together. */
  const delays = (costs: Costs, before: Costs = none): readonly number[] =>
    rates.map((rate, index) => rate.delay(costs[index]!, before[index]!));
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
    while (waiters.length > 0 && running < slots.limit) {
      const { costs } = waiters[0]!;
      const wait = Math.max(...delays(costs));
      if (wait > 0) {
        // This timer keeps a process alive, because the waiting call is still to be sent.
        if (present === undefined && !rates.some(({ isPending }) => isPending)) timer = after(Math.ceil(wait), wake);
        return;
      }
      waiters.shift()!.start(take(costs));
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
    tryAcquire(costs) {
      present?.sweep();
      wake(); // the timer may be late
      if (waiters.length > 0 || running >= slots.limit || delays(costs).some((delay) => delay > 0)) return undefined;
      return occupy(take(costs));
    },
    acquire(call, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        let permit: Permit | undefined;
        let leave = noop;
        const end = (): void => {
          signal.removeEventListener('abort', onAbort);
          leave();
        };
        const arrive = (given: Permit): void => {
          end();
          resolve(occupy(given));
        };
        const waiter: Waiter = {
          ...call,
          start(given) {
            permit = given;
            if (present === undefined) arrive(given);
          },
          refuse() {
            end();
            drop();
            resolve(undefined);
          },
        };
        const enqueue = (): void => {
          waiters.splice(ahead(call.priority), 0, waiter);
          wake();
          use();
        };
        const drop = (): void => {
          const given = permit;
          permit = undefined;
          if (given !== undefined) return given.release();
          const index = waiters.indexOf(waiter);
          if (index >= 0) waiters.splice(index, 1); // it may have been dropped before
          wake(); // without a waiter this clears the timer
          use();
        };
        const onAbort = (): void => {
          end();
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
    review() {
      wake();
      let before = none;
      for (const waiter of waiters.slice()) {
        const { costs, deadline } = waiter;
        if (performance.now() + Math.max(...delays(costs, before)) >= deadline) waiter.refuse();
        else before = plus(before, costs);
      }
    },
    ahead,
    delays: (costs, ahead) =>
      delays(
        costs,
        waiters
          .slice(0, ahead)
          .map(({ costs }) => costs)
          .reduce(plus, none),
      ),
    get running() {
      return running;
    },
    get waiting() {
      return waiters.length;
    },
    get isIdle() {
      present?.sweep();
      return running === 0 && waiters.length === 0 && !rates.some(({ recent }) => recent);
    },
    get snapshot() {
      present?.sweep();
      const { limit } = slots;
      return {
        running,
        waiting: waiters.length,
        ...(limit < Infinity && { concurrency: limit }),
        ...(rates[0] && { starts: rates[0].recent }),
      };
    },
  };
}
