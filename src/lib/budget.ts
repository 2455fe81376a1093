/** A retry budget: extra requests in proportion to the calls, so that a struggling server is not trampled. */
import { duration, invalid, ratio, knownKeys } from '../core/options.ts';

export interface BudgetOptions {
  /** Extra requests per call, 0..1. @default 0.2 */
  readonly ratio?: number;
  /** Extra requests a second that are free of it, for clients with few calls. @default 10 */
  readonly floor?: number;
  /** How long a call's contribution counts, ms. @default 10_000 */
  readonly window?: number;
}

/** May be shared by several policies: together they then spend no more than one. */
export interface Budget {
  /** A call was made. */
  deposit(): void;
  /** Whether one more extra request may be made now; if so, it is paid for. */
  withdraw(): boolean;
  /** How many could be withdrawn at this moment. */
  readonly balance: number;
}

/** Finagle counts its window in ten slices. */
const slices = 10;

/**
 * Counts deposits and withdrawals over a sliding window. An exhausted budget never fails the original: the
 * caller gets the outcome that there is.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/service/RetryBudget.scala
 */
export function budget(options: BudgetOptions = {}): Budget {
  knownKeys('budget', options, ['ratio', 'floor', 'window']);
  const share = ratio('budget ratio', options.ratio ?? 0.2);
  const floor = options.floor ?? 10;
  if (typeof floor !== 'number' || !(floor >= 0))
    throw invalid('budget floor', floor, 'a number of requests a second, 0 or more');
  const window = duration('budget window', options.window ?? 10_000);

  const width = window / slices;
  const reserve = floor === 0 ? 0 : (floor * window) / 1_000;
  const balances = new Float64Array(slices);
  let current = Math.floor(performance.now() / width);

  const slice = (): number => {
    const now = Math.floor(performance.now() / width);
    for (let gone = Math.max(current, now - slices) + 1; gone <= now; gone += 1) balances[gone % slices] = 0;
    current = Math.max(current, now);
    return current % slices;
  };
  const balance = (): number => {
    slice();
    return balances.reduce((sum, part) => sum + part, reserve);
  };

  return {
    deposit() {
      balances[slice()]! += share;
    },
    withdraw() {
      // Ten deposits of 0.1 make 0.9999999999999999.
      if (balance() < 1 - 1e-9) return false;
      balances[slice()]! -= 1;
      return true;
    },
    get balance() {
      return Math.max(0, Math.floor(balance() + 1e-9));
    },
  };
}
