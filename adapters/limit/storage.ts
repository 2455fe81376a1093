/** Shared limits in a Storage, for the processes of one machine: they have one clock, and the storage compares and sets. */
import { StorageError } from '../../src/core/errors.ts';
import type { Across } from '../../src/core/shared-limits.ts';
import { storage as storageOption } from '../../src/core/options.ts';
import type { Storage } from '../../src/core/storage.ts';
import { memberTime, waitTime, type Held, type Ledger, type Paused, type Taken } from './ledger.ts';
import { sharedLimits, type SharedOptions } from './shared.ts';

/**
 * Limits that all processes share which open the same file: for `limit({ across })`. A process reserves starts in slices,
 * and holds permits under a lease. While the storage fails, each process has an equal share of the limit, and no call
 * fails for that. It does not close the storage.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa, { limit } from 'kyoa';
 * import { file, shared } from 'kyoa/file';
 *
 * const machine = shared(file('limits.db', { durability: 'process' }));
 * const api = kyoa.extend({ use: [limit({ rate: { count: 100, window: 1_000 }, across: machine })] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/fleet.md#on-one-machine
 */
export function shared(storage: Storage, options: SharedOptions = {}): Across {
  const store = storageOption('shared storage', storage);
  return sharedLimits(options, (prefix) => ledger(store, prefix));
}

/** When each member has last asked, Unix ms. */
type Members = Record<string, number>;

interface RateRecord {
  /** When all units are free again, and since when some have not been, Unix ms. */
  readonly free: number;
  readonly begun: number;
  readonly members: Members;
}

interface HeldRecord {
  readonly holders: Record<string, { readonly held: number; readonly want: number; readonly expires: number }>;
  readonly members: Members;
}

interface PauseRecord {
  readonly ends: number;
  readonly members: Members;
}

function ledger(storage: Storage, prefix: string): Ledger {
  /** Replaces the record by what `change` makes of it, and resolves to its reply. */
  const update = async <Row extends { readonly members: Members }, Reply>(
    key: string,
    member: string,
    first: Row,
    change: (row: Row, now: number, members: Members) => readonly [next: Row, reply: Reply, ttl: number],
  ): Promise<Reply> => {
    for (;;) {
      const entry = await storage.get(prefix + key);
      const row = entry === undefined ? first : parse<Row>(prefix + key, entry.value);
      const now = Date.now();
      const recent = Object.entries(row.members).filter(([, seen]) => seen > now - memberTime && seen <= now);
      const [next, reply, ttl] = change(row, now, { ...Object.fromEntries(recent), [member]: now });
      const options = { ttl: Math.max(ttl, memberTime), ifVersion: entry?.version ?? null };
      if ((await storage.set(prefix + key, JSON.stringify(next), options)) !== undefined) return reply;
      // Another process wrote first.
    }
  };

  return {
    take: (key, member, { units, back, since, owed, interval, burst, window }) =>
      update<RateRecord, Taken>(`rate ${key}`, member, { free: 0, begun: 0, members: {} }, (row, now, members) => {
        const count = Object.keys(members).length;
        // A time further ahead than all members could have reserved is from before the clock was set back.
        const most = Math.min(row.free, now + (count + 2) * window);
        const left = since >= row.begun ? most - back * interval : most;
        const isFull = left <= now;
        const free = (isFull ? now : left) + (owed + units) * interval;
        const wait = Math.max(0, free - now - Math.max(burst, units) * interval);
        const next = { free, begun: isFull ? now : row.begun, members };
        return [next, { wait, members: count, now }, free - now];
      }),

    hold: (key, member, { running, want, count, lease }) =>
      update<HeldRecord, Held>(`held ${key}`, member, { holders: {}, members: {} }, (row, now, members) => {
        const live = Object.entries(row.holders).filter(
          ([, { expires }]) => expires > now && expires <= now + 2 * lease,
        );
        const others = live.filter(([name]) => name !== member).map(([, holder]) => holder);
        const former = live.find(([name]) => name === member)?.[1].held ?? 0;
        const share = shareOf(count, [want, ...others.map(({ want }) => want)]);
        const least = Math.floor(share) === 0 && former > 0 ? 1 : Math.floor(share);
        const free = others.reduce((free, { held, want }) => free - Math.max(held, Math.min(want, least)), count);
        const permits = Math.max(0, Math.min(want, Math.ceil(share), free));
        const held = Math.max(permits, running);
        const { [member]: _, ...rest } = Object.fromEntries(live);
        const mine = { held, want, expires: now + (held > 0 ? lease : waitTime) };
        const holders = held + want > 0 ? { ...rest, [member]: mine } : rest;
        const short = others.some(({ held, want }) => held < want);
        return [{ holders, members }, { permits, members: Object.keys(members).length, short }, lease];
      }),

    pause: (key, member, pause) =>
      update<PauseRecord, Paused>(`pause ${key}`, member, { ends: 0, members: {} }, (row, now, members) => {
        const ends = pause > 0 ? Math.max(row.ends, now + pause) : row.ends;
        const left = Math.max(0, ends - now);
        return [{ ends, members }, { left, members: Object.keys(members).length }, left];
      }),
  };
}

/** What each of the processes may have, if what one does not want of its equal share is shared by the others. */
function shareOf(count: number, wants: readonly number[]): number {
  let left = count;
  for (const [index, want] of wants.toSorted((a, b) => a - b).entries()) {
    const share = left / (wants.length - index);
    if (want > share) return share;
    left -= want;
  }
  return count;
}

function parse<Row>(key: string, value: string): Row {
  try {
    const row = JSON.parse(value) as Row & { members?: unknown };
    if (typeof row.members === 'object') return row;
  } catch {
    // It is reported below.
  }
  throw new StorageError(`The entry ${key} is not one that shared() wrote; choose another prefix, or delete it`);
}
