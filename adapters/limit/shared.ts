/** The limits of a fleet over a ledger: what `shared()` of each store returns. */
import { duration, invalid, object, positive, type Settings, type Shape } from '../../src/core/options.ts';
import type { Across } from '../../src/core/shared-limits.ts';
import type { Ledger } from './ledger.ts';
import { sharedConcurrency } from './shared-concurrency.ts';
import { sharedPauses } from './shared-pauses.ts';
import { sharedRate } from './shared-rate.ts';
import { createStore } from './ledger-client.ts';

/**
 * The options of `shared()`. Times are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/fleet.md#shared-limits
 */
export interface SharedOptions {
  /** Processes with the same prefix, key and limit share it. @default 'kyoa:' */
  readonly prefix?: string | undefined;
  /**
   * Starts that a process reserves together. The rate may be exceeded by one slice; with 1, each start is a round trip.
   * @default 5 % of `count`, at most what the rate allows in 100 ms, and at least 1
   */
  readonly slice?: number | undefined;
  /** A process that has not renewed its permits for this long loses them, ms. It renews at a third. @default 15_000 */
  readonly lease?: number | undefined;
  /** A store that has not answered for this long, ms, counts as unreachable. @default 1_000 */
  readonly timeout?: number | undefined;
  /** The processes that are assumed until the store has counted them. @default 1 */
  readonly members?: number | undefined;
}

type Known = Settings<SharedOptions, 'slice'>;

const sharedShape: Shape<Known> = {
  prefix: [prefix, 'kyoa:'],
  slice: [positive, undefined],
  lease: [duration, 15_000],
  timeout: [duration, 1_000],
  members: [positive, 1],
};

/** `open` makes the ledger of a prefix. */
export function sharedLimits(options: SharedOptions, open: (prefix: string) => Ledger): Across {
  const { prefix, slice, lease, timeout, members } = object('shared', options, sharedShape);
  const store = createStore(open(prefix), timeout);
  return {
    rate: ({ key, wake, count, window, index }) =>
      sharedRate(store, {
        key: `${index} ${key}`,
        wake,
        count,
        window,
        members,
        slice: slice ?? sliceOf(count, window),
      }),
    concurrency: ({ key, wake, count }) => sharedConcurrency(store, { key, wake, count, lease, members }),
    pauses: ({ key, wake }) => sharedPauses(store, { key, wake, members }),
  };
}

/** 5 % of the count, at most what starts within 100 ms, and at least 1. */
function sliceOf(count: number, window: number): number {
  return Math.max(1, Math.floor(Math.min(count / 20, (100 * count) / window)));
}

function prefix(name: string, value: string): string {
  if (typeof value === 'string' && /^[^}]/.test(value)) return value;
  throw invalid(name, value, 'a string that is not empty and does not begin with }');
}
