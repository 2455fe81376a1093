/** The rates of a limit: what each allows, and what a call costs of it. */
import type { Context } from '../../core/context.ts';
import { runHarmless } from '../../core/engine/user-function.ts';
import type { Across, Pauses, Starts } from '../../core/shared-limits.ts';
import { duration, fn, invalid, object, positive, type Settings, type Shape } from '../../core/options.ts';
import type { Costs, Permit } from './semaphore.ts';
import { slidingWindowLog } from './sliding-window-log.ts';

/**
 * A rate of `limit()`: starts, or what they cost, in a period.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#several-rates-and-costs
 */
export interface Rate {
  /** Starts in a window; with `cost`, the units that they may cost together. */
  readonly count: number;
  /** The period, ms. */
  readonly window: number;
  /** What a call costs, 0 or more, before it is sent: an estimate is enough if `spent` corrects it. @default 1 */
  readonly cost?: ((ctx: Context) => number) | undefined;
  /**
   * What the call has really cost, by the header fields of its response; `undefined` leaves the estimate. The difference
   * is taken from the later calls, or given back to them. It must not read the body.
   */
  readonly spent?: ((response: Response) => number | undefined) | undefined;
}

/**
 * A rate that is learned from the responses, as `announced()` returns it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#the-rate-that-the-server-announces
 */
export interface Announced {
  /** The starts of one key. */
  create(pauses: Pauses | undefined): Starts;
}

export const rateShape: Shape<Settings<Rate, 'spent'>> = {
  count: [positive],
  window: [duration],
  cost: [fn, one, units],
  spent: [fn, undefined, unitsOrUndefined],
};

type CheckedRate = Settings<Rate, 'spent'> | Announced;

/** One rate, or a list of several. */
export function rates(
  name: string,
  value: Rate | Announced | readonly (Rate | Announced)[],
  shape: typeof rateShape,
): readonly CheckedRate[] {
  if (Array.isArray(value) && value.length === 0) throw invalid(name, value, 'one rate or more');
  return [value].flat().map((rate: Rate | Announced) => (isAnnounced(rate) ? rate : object(name, rate, shape)));
}

/** A rate of one key. */
export interface KeyRate extends Partial<Settings<Rate, 'spent'>> {
  readonly starts: Starts;
}

export function ratesOf(
  list: readonly CheckedRate[],
  across: Across | undefined,
  key: string,
  wake: () => void,
): readonly KeyRate[] {
  return list.flatMap((rate, index): readonly KeyRate[] => {
    if (isAnnounced(rate)) return [{ starts: rate.create(across?.pauses({ key, wake })) }];
    const { count, window } = rate;
    if (count === Infinity) return [];
    const starts = across?.rate({ key, wake, count, window, index }) ?? slidingWindowLog(count, window);
    return [{ ...rate, starts }];
  });
}

/** What a call costs of each rate. A cost above the count of the rate counts as all of it. */
export function costsOf(rates: readonly KeyRate[], ctx: Context): Costs {
  return rates.map(({ cost = one, count = 1 }) => (cost === one ? 1 : Math.min(cost(ctx), count)));
}

/** Reports the response to a call to the rates. */
export function settleRates(rates: readonly KeyRate[], { starts }: Permit, response: Response): void {
  rates.forEach(({ starts: rate, spent }, index) => {
    const start = starts[index]!;
    rate.observe?.(response, start);
    if (spent === undefined) return;
    const correct = (response: Response): void => {
      const cost = spent(response);
      if (cost !== undefined) rate.correct(start, cost);
    };
    runHarmless('limit rate spent', correct, response, spent);
  });
}

function isAnnounced(rate: Rate | Announced): rate is Announced {
  return typeof (rate as Partial<Announced> | null)?.create === 'function';
}

function one(): number {
  return 1;
}

function units(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value < Infinity) return value;
  throw invalid(name, value, 'a number of 0 or more');
}

function unitsOrUndefined(name: string, value: unknown): number | undefined {
  return value === undefined ? value : units(name, value);
}
