/** A retry budget: it limits extra requests to a share of the calls, so that retries do not overload a failing server. */
import { duration, invalid, object, ratio, type Shape } from '../core/options.ts';
import { rollingCounter } from './rolling-counter.ts';

export interface BudgetOptions {
  /** Extra requests per call, 0..1. @default 0.2 */
  readonly ratio?: number;
  /** Extra requests per second that need no calls, for clients with few calls. @default 10 */
  readonly floor?: number;
  /** How long a call counts, ms. @default 10_000 */
  readonly window?: number;
}

/** A budget of extra requests. Policies that share one budget together spend no more than one of them would. */
export interface Budget {
  /** Counts a call. */
  deposit(): void;
  /** Takes one extra request out of the budget. Returns false, and takes nothing, when the budget is exhausted. */
  withdraw(): boolean;
  /** The number of extra requests that could be withdrawn now. */
  readonly balance: number;
}

export const budgetShape: Shape<Required<BudgetOptions>> = {
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
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/service/RetryBudget.scala
 */
export function budget(options: BudgetOptions = {}): Budget {
  const { ratio: share, floor, window } = object('budget', options, budgetShape);

  // 0 times an infinite window is NaN.
  const reserve = floor === 0 ? 0 : (floor * window) / 1_000;
  const earned = rollingCounter(window);
  const available = (): number => reserve + earned.total + rounding;

  return {
    deposit: () => earned.add(share),
    withdraw() {
      if (available() < 1) return false;
      earned.add(-1);
      return true;
    },
    get balance() {
      return Math.max(0, Math.floor(available()));
    },
  };
}

function requestsPerSecond(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw invalid(name, value, 'a number of requests a second, 0 or more');
}
