/**
 * The starts of one rate of a fleet, as one process has them. The process reserves starts in slices, so that most calls
 * need no round trip. A reservation is granted at once, for a time that may lie ahead: no process polls, and none starves.
 */
import { afterUnref, type Timer } from '../../src/core/engine/timers.ts';
import type { Start, Starts } from '../../src/core/shared-limits.ts';
import type { Taken } from './ledger.ts';
import { localRate } from './local-rate.ts';
import type { Store } from './ledger-client.ts';

export interface SharedRateOptions {
  readonly key: string;
  readonly wake: () => void;
  readonly count: number;
  readonly window: number;
  /** Units that are reserved together. */
  readonly slice: number;
  /** The processes that are assumed until the store has counted them. */
  readonly members: number;
}

/** Units that were reserved together. Times are ms on the clock of `performance.now()`. */
interface Slice {
  readonly size: number;
  left: number;
  /** ms on the clock of the store. */
  readonly reserved: number;
  readonly from: number;
  until: number;
}

/** A start, with the time when its first unit was reserved, ms on the clock of the store. */
interface ReservedStart extends Start {
  readonly reserved: number;
}

/** Unused units are given back after this long at the latest, ms. */
const longestLife = 100;
/** A slice of at most this share of the count is part of it: that hardly slows the rate. */
const smallShare = 0.01;
/** A call may use a slice that it waits for so much later, ms: the event loop may be busy. */
const longestLag = 250;
/** Units whose reservation took longer than this are not used, ms: the process was frozen meanwhile. */
const longestReply = 2_000;

export function sharedRate(store: Store, options: SharedRateOptions): Starts {
  const { key, wake, count, window, slice: longest, members } = options;
  /** How long the units of a slice may be used: until they would all be free again, and not too short for a timer. */
  const life = Math.min(Math.max((longest * window) / count, window / 200), longestLife);
  // In any window the store grants one slice at once, and then one unit each interval. Units that were granted `life`
  // before it may be used in it, too.
  const steady = longest <= smallShare * count ? count - longest + 1 : count;
  const interval = (window + life) / steady;
  // One slice less: what a process has reserved when the store fails, or returns, comes on top.
  const local = localRate({ interval: (window + life) / Math.max(1, count - longest), burst: longest, members });
  let slices: Slice[] = [];
  /** The size of the next slice: it doubles while slices are used up, and shrinks to what was used. */
  let size = 1;
  let isPending = false;
  /** Units to give back, when the first of them was reserved, and units that calls have used beyond their estimate. */
  let [back, since, owed] = [0, Infinity, 0];
  let tidying: Timer;
  let tidyAt = Infinity;

  const giveBack = (units: number, reserved: number): void => {
    back += units;
    if (units > 0) since = Math.min(since, reserved);
  };
  const take = async (units: number): Promise<Taken> => {
    const corrections = { back, owed, since: Math.min(since, Number.MAX_SAFE_INTEGER) };
    [back, since, owed] = [0, Infinity, 0];
    const taking = { units, ...corrections, interval, burst: longest, window };
    const taken = await store.ledger.take(key, store.member, taking);
    local.members = taken.members;
    return taken;
  };
  const ask = async (units: number): Promise<void> => {
    isPending = true;
    const asked = performance.now();
    const late = ({ now }: Taken): void => {
      giveBack(units, now);
      tidy();
    };
    const taken = await store.ask(() => take(units), late);
    isPending = false;
    if (taken !== undefined && performance.now() - asked > longestReply) giveBack(units, taken.now);
    else if (taken !== undefined && units > 0) {
      const from = performance.now() + taken.wait;
      slices.push({ size: units, left: units, reserved: taken.now, from, until: from + life });
    }
    wake();
    tidy();
  };

  /** Gives back what has expired, and plans to do so with what is left. */
  const tidy = (): void => {
    const now = performance.now();
    for (const { left, size: most, reserved } of slices.filter(({ until }) => until <= now)) {
      giveBack(left, reserved);
      size = Math.max(1, Math.min(size, most - left));
    }
    slices = slices.filter(({ left, until }) => left > 0 && until > now);
    const due = Math.min(...slices.map(({ until }) => until), back + owed === 0 ? Infinity : now + longestLife);
    if (due >= tidyAt) return;
    clearTimeout(tidying);
    tidyAt = due;
    tidying = afterUnref(due - now, () => {
      tidyAt = Infinity;
      if (back + owed > 0 && !isPending && store.fault === undefined) void ask(0);
      else tidy();
    });
  };

  const held = (): number => slices.reduce((sum, { left }) => sum + left, 0);
  const spend = (cost: number): ReservedStart => {
    const reserved = slices[0]?.reserved ?? Infinity;
    let rest = cost;
    for (const slice of slices) {
      const units = Math.min(slice.left, rest);
      slice.left -= units;
      rest -= units;
      if (units > 0 && slice.left === 0) size = Math.min(longest, 2 * slice.size);
    }
    owed += rest;
    slices = slices.filter(({ left }) => left > 0);
    // A process that uses whole slices asks for the next one before it needs it, unless it waits for one already.
    const now = performance.now();
    if (size > 1 && !isPending && !store.isLocal && held() <= size / 2 && slices.every(({ from }) => from <= now))
      void ask(size);
    return { cost, reserved };
  };

  const sharedDelay = (cost: number, ahead: number): number => {
    const now = performance.now();
    if (slices.length > 0 && slices[0]!.until <= now) tidy();
    let missing = cost + ahead;
    let from = now;
    for (const slice of slices) {
      if (missing <= 0) break;
      missing -= slice.left;
      from = Math.max(from, slice.from);
      if (slice.from > now && !store.isLocal) slice.until = slice.from + longestLag;
    }
    if (missing <= 0) return from - now;
    if (!isPending) void ask(store.isLocal ? cost : Math.max(size, cost));
    // While others are served, the next slice comes after the present one.
    return Math.max(1, from > now ? from - now + missing * interval : 0);
  };

  return {
    delay(cost, ahead) {
      if (!store.isLocal) local.end();
      const delay = store.isLocal ? local.delay(cost, ahead) : 0;
      if (store.fault === undefined) return Math.max(delay, sharedDelay(cost, ahead));
      store.retry(() => take(0), wake);
      return delay;
    },
    add(cost) {
      if (store.isLocal) local.add(cost);
      return store.fault === undefined ? spend(cost) : { cost };
    },
    correct(start, cost) {
      const difference = cost - start.cost;
      start.cost = cost;
      if (store.fault !== undefined) return local.add(difference);
      if (difference > 0) owed += difference;
      else giveBack(-difference, (start as Partial<ReservedStart>).reserved ?? 0);
      tidy();
    },
    get recent() {
      return store.fault === undefined ? held() + back + owed + Number(isPending) : 1;
    },
    get isPending() {
      return isPending && store.fault === undefined;
    },
    get fault() {
      return store.fault;
    },
  };
}
