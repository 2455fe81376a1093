/** A retry budget: it limits extra requests to a share of the calls, so that retries do not overload a failing server. */
import type { Middleware } from '../core/context.ts';
import { privateState } from '../core/engine/private-state.ts';
import { afterUnref, type Timer } from '../core/engine/timers.ts';
import { duration, invalid, object, ratio, type Settings, type Shape } from '../core/options.ts';
import { isRequestBound, lookAgain } from './platform.ts';
import { rollingCounter } from './rolling-counter.ts';

/**
 * The options of `budget()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/hedge.md#budget
 */
export interface BudgetOptions {
  /** Extra requests per call, 0..1. @default 0.2 */
  readonly ratio?: number | undefined;
  /** Extra requests per second that need no calls, for clients with few calls. @default 10 */
  readonly floor?: number | undefined;
  /** How long a call counts, ms. @default 10_000 */
  readonly window?: number | undefined;
}

/**
 * A budget of extra requests. Policies that share one budget together spend no more than one of them would.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/hedge.md#budget
 */
export interface Budget {
  /** Counts a call. */
  deposit(): void;
  /** Takes one extra request out of the budget. Returns false, and takes nothing, when the budget is exhausted. */
  withdraw(): boolean;
  /**
   * Calls `granted` once an extra request has been taken out for it: after a deposit or with time, in the order of waiting.
   * Returns a function that ends the wait. Without this member, what the budget refuses is not sent.
   */
  wait?(granted: () => void): () => void;
  /** The number of extra requests that could be withdrawn now. */
  readonly balance: number;
}

/** The check of an option that is a budget. */
export function budgetOr<T extends Budget | false>(name: string, value: T): T {
  if (value === false || (typeof value === 'object' && typeof value?.withdraw === 'function')) return value;
  throw invalid(name, value, 'budget({ ... }) or false');
}

const budgets = privateState<Budget | false>();

/** Notes the budget of a policy, for policies outside it that send further requests: all repeats have one budget. */
export function withBudget<Policy extends Middleware>(own: Budget | false, policy: Policy): Policy {
  budgets.set(policy, own);
  return policy;
}

/** The budget that a policy of the stack has noted. */
export function budgetIn(stack: readonly Middleware[]): Budget | false | undefined {
  for (const middleware of stack) {
    const own = budgets.get(middleware);
    if (own !== undefined) return own;
  }
  return undefined;
}

export const budgetShape: Shape<Settings<BudgetOptions>> = {
  ratio: [ratio, 0.2],
  floor: [requestsPerSecond, 10],
  window: [duration, 10_000],
};

/** Ten deposits of 0.1 add up to 0.9999999999999999. */
const rounding = 1e-9;

/**
 * A retry budget over a sliding window. An exhausted budget never fails the original request: the caller gets the
 * outcome of that request.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const shared = budget({ ratio: 0.1 });
 * createFetch({ use: [retry({ budget: shared }), hedge({ budget: shared })] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/hedge.md#budget
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/service/RetryBudget.scala
 */
export function budget(options: BudgetOptions = {}): Budget & { toJSON(): BudgetOptions } {
  const { ratio: share, floor, window } = object('budget', options, budgetShape);

  // 0 times an infinite window is NaN.
  const reserve = floor === 0 ? 0 : (floor * window) / 1_000;
  const earned = rollingCounter(window);
  const available = (): number => reserve + earned.total + rounding;
  /** In the order of waiting. */
  const waiting = new Set<() => void>();
  let timer: Timer;
  const isBound = isRequestBound();

  const grant = (): void => {
    for (const granted of waiting) {
      if (available() < 1) break;
      earned.add(-1);
      waiting.delete(granted);
      granted();
    }
    clearTimeout(timer);
    // What was withdrawn leaves the window with its slice.
    if (waiting.size > 0) timer = afterUnref(earned.untilNextSlice, grant);
  };

  const withdraw = (): boolean => {
    if (waiting.size > 0) grant();
    if (available() < 1) return false;
    earned.add(-1);
    return true;
  };

  return {
    deposit() {
      earned.add(share);
      if (waiting.size > 0) grant();
    },
    withdraw,
    wait(granted) {
      // A request must not be woken by another one there. Those that wait have no order.
      if (isBound) return lookAgain(withdraw, granted);
      const waiter = (): void => granted();
      waiting.add(waiter);
      grant();
      return () => {
        if (waiting.delete(waiter) && waiting.size === 0) clearTimeout(timer);
      };
    },
    get balance() {
      return Math.max(0, Math.floor(available()));
    },
    toJSON: () => options,
  };
}

function requestsPerSecond(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw invalid(name, value, 'a number of requests a second, 0 or more');
}
