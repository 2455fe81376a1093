/**
 * A lease over any Storage: the right to do work under a key, and the result of that work. The version of the entry is the
 * fencing token: a holder that has lost its lease cannot overwrite its successor.
 *
 * Clocks may differ and may be set, and processes may be frozen. A caller therefore takes over only from a holder that was
 * silent while the caller itself watched, for a third of a lease.
 */
import pTimeout from 'p-timeout';
import { StorageError } from '../../core/errors.ts';
import type { Storage, Version } from '../../core/storage.ts';
import { noop } from '../noop.ts';
import { formerResult, parseRecord, type Done, type Held, type Result } from './lease-record.ts';
import { after, afterUnref, type Timer } from '../../core/engine/timers.ts';

export interface LeaseOptions {
  readonly storage: Storage;
  readonly key: string;
  /** Identifies the work. The same key with another fingerprint is a mismatch. */
  readonly fingerprint: string;
  /** A lease expires this long after its last renewal, ms; `Infinity`: never. */
  readonly lease: number;
  /** How long the result is stored, ms. */
  readonly ttl: number;
  /** To whom the entry belongs. */
  readonly owner?: string | undefined;
  /** Whether the work is done again although it has a result, which stays stored until the new one is. @default it is not */
  readonly replaces?: ((result: string | null) => boolean) | undefined;
}

export type LeaseOutcome =
  | {
      readonly state: 'acquired';
      readonly lease: Lease;
      /** The result that the work replaces. */
      readonly former: string | undefined;
      /** The lease of a former holder expired, so the work may have been done already. */
      readonly inDoubt: boolean;
    }
  /** Unless the holder renews its lease, it expires in `retryIn` ms. The caller looks again within `lookIn` ms. */
  | { readonly state: 'held'; readonly retryIn: number; readonly lookIn: number }
  | ({ readonly state: 'done' } & Result)
  | { readonly state: 'mismatch' };

/** A lease ends with the first call of `complete` or `release`. A later call has no effect. */
export interface Lease {
  /** Renews the lease now, before work that a successor must not do too. Resolves to `false` if a successor has taken over. */
  renew(): Promise<boolean>;
  /**
   * Resolves to whether the result was stored: `false` if a successor has taken over. While the store fails, it tries again
   * for the duration of a lease. Then it rejects, also if the store does not respond; if the store has room for that, it
   * keeps that the work is done, otherwise the lease expires.
   */
  complete(result: Result): Promise<boolean>;
  /**
   * Frees the key at once; a former result is stored again. Resolves to `false` if a successor has taken over. It never
   * rejects: if the store fails, the lease expires.
   */
  release(): Promise<boolean>;
}

/** How long a caller watches before it takes over, in leases. */
const watchTime = 1 / 3;
/** A holder renews its lease twice in this time, so that one renewal may fail or be late. */
const renewalPeriod = watchTime / 2;

/** A write that failed is tried again after pauses that double from the shortest to the longest, ms. */
const shortestPause = 25;
const longestPause = 1_000;
/** The longest time for which a result is tried to be written, ms: some leases never expire. */
const longestPatience = 60_000;

/** `watch`: that of all looks of one caller. */
export async function acquireLease(options: LeaseOptions, watch: LeaseWatch = watchLease()): Promise<LeaseOutcome> {
  const { storage, key, fingerprint, replaces } = options;
  const holder = crypto.getRandomValues(new Uint32Array(4)).join('-');
  for (;;) {
    const entry = await storage.get(key);
    const record = entry && parseRecord(key, entry);
    if (record !== undefined && record.fingerprint !== fingerprint) return { state: 'mismatch' };
    const held = record !== undefined && !('result' in record) ? record : undefined;
    if (record !== undefined && 'result' in record && replaces?.(record.result) !== true) {
      const { result, cookies, caller } = record;
      return { state: 'done', result, cookies, caller };
    }
    if (held !== undefined) {
      const { lease = options.lease } = held;
      const retryIn = timeLeft(held, lease);
      const unwatched = lease * watchTime - watch.see(entry!.version, lease * renewalPeriod);
      // It looks twice while it watches, so that one look may be late.
      const lookIn = Math.min(Math.max(retryIn, unwatched), lease * renewalPeriod);
      if (retryIn > 0 || unwatched > 0) return { state: 'held', retryIn, lookIn };
    }
    const former = formerResult(record);
    const mine: Holding = { ...options, holder, former };
    const version = await writeLease(mine, entry?.version ?? null);
    if (version !== undefined)
      return { state: 'acquired', lease: hold(mine, version), former, inDoubt: held !== undefined };
    // Another call wrote first: read what it wrote.
  }
}

/** A lease as its holder has it. */
interface Holding extends LeaseOptions {
  readonly holder: string;
  readonly former: string | undefined;
}

/** Until the lease expires, ms. An end that is more than two leases away is no end: one of the clocks is wrong. */
function timeLeft({ leaseUntil = Infinity }: Held, lease: number): number {
  const left = Math.max(0, leaseUntil - Date.now());
  if (leaseUntil === Infinity) return left;
  return left <= 2 * lease ? Math.min(left, lease) : 0;
}

/** Writes that the key is held from now on, for the duration of a lease. */
function writeLease(
  { storage, key, fingerprint, lease, ttl, owner, holder, former }: Holding,
  ifVersion: Version | null,
): Promise<Version | undefined> {
  const times = lease !== Infinity && { lease, leaseUntil: Date.now() + lease };
  const record: Held = { fingerprint, holder, ...times, ...(former !== undefined && { former }) };
  // The entry outlives the lease, so that a successor finds the fingerprint and knows that the work is in doubt.
  return storage.set(key, JSON.stringify(record), { ttl: Math.max(ttl, lease), ifVersion, owner });
}

/** Resolves to the new version, or to `undefined` if the entry's version is not `ifVersion`; `null`: if there is an entry. */
type Write = (ifVersion: Version | null) => Promise<Version | null | undefined>;

function hold(mine: Holding, acquired: Version): Lease {
  const { storage, key, fingerprint, lease, ttl, owner, holder, former } = mine;
  /** `null` if the entry has vanished, `undefined` once it is no longer written: after the last write, or by a successor. */
  let version: Version | null | undefined = acquired;
  let isOver = false;
  let ended = false;
  let stopped = false;
  let heartbeat: Timer;
  let last: Promise<unknown> = Promise.resolve();

  /** Resolves to `false` once a successor has taken over. Writes follow one another: each needs the version of the one before. */
  const inTurn = (write: Write, isLast = false): Promise<boolean> => {
    const written = last.then(async () => {
      while (version !== undefined) {
        const next = await write(version);
        if (next === undefined) version = await ownVersion();
        else {
          version = isLast ? undefined : next; // a renewal may wait for its turn
          isOver = isLast;
          return true;
        }
      }
      return isOver;
    });
    last = written.catch(noop);
    return written;
  };
  /**
   * The version that the entry of this holder has now. It may be another one: the acknowledgement of a renewal was lost, or
   * the entry has vanished, as from a Redis that was emptied.
   */
  const ownVersion = async (): Promise<Version | null | undefined> => {
    const entry = await storage.get(key);
    if (entry === undefined) return null;
    const record = parseRecord(key, entry);
    const isOwn = record.holder === holder;
    isOver = isOwn && 'result' in record; // the acknowledgement of the last write was lost
    return isOwn && !isOver ? entry.version : undefined;
  };
  const renew = (): Promise<boolean> => inTurn((ifVersion) => writeLease(mine, ifVersion));
  const beat = async (): Promise<void> => {
    const next = await renew().then(
      (renewed) => (renewed ? lease * renewalPeriod : undefined),
      () => Math.min((lease * renewalPeriod) / 3, longestPause),
    );
    if (next !== undefined && !stopped) heartbeat = afterUnref(next, beat);
  };
  const patience = Math.min(lease, longestPatience);
  /** A client of a store may hold a command back until it is connected again. */
  const giveUp = (): never => {
    throw new StorageError(`The storage did not respond within ${patience + longestPause} ms; check its connection`);
  };
  /** The lease is renewed until its last write has succeeded or was given up. */
  const end = async (write: () => Promise<boolean>): Promise<boolean> => {
    if (ended) return false;
    ended = true;
    return pTimeout(write(), { milliseconds: patience + longestPause, fallback: giveUp }).finally(() => {
      stopped = true;
      clearTimeout(heartbeat);
    });
  };

  const write = (result: Result): Promise<boolean> => {
    const value = JSON.stringify({ fingerprint, holder, ...result } satisfies Done);
    return inTurn((ifVersion) => storage.set(key, value, { ttl, ifVersion, owner }), true);
  };

  heartbeat = afterUnref(lease * renewalPeriod, beat);
  return {
    renew,
    complete(result) {
      return end(() =>
        persist(() => write(result), patience).catch(async (error: unknown) => {
          await write({ ...result, result: null }).catch(noop);
          throw error;
        }),
      );
    },
    async release() {
      const remove: Write = async (ifVersion) =>
        ifVersion === null || (await storage.delete(key, { ifVersion })) ? null : undefined;
      const free = (): Promise<boolean> => (former === undefined ? inTurn(remove, true) : write({ result: former }));
      return end(free).catch(() => true);
    },
  };
}

/** Writes again while the store fails. It rejects with the last error when its patience, ms, is over. */
async function persist(write: () => Promise<boolean>, patience: number): Promise<boolean> {
  const started = performance.now();
  for (let pause = shortestPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await write();
    } catch (error) {
      if (performance.now() - started + pause > patience) throw error;
      await new Promise<void>((resolve) => after(pause, resolve));
    }
  }
}

/** What one caller has seen of the lease of another one. It uses no clock of another process. */
export interface LeaseWatch {
  /**
   * Notes the version that the caller sees now. Returns how long the caller has watched it, ms. Of the time since its
   * last look, at most `longestPause` counts: for the rest the process or the machine may have been frozen, perhaps
   * together with the holder. The time begins anew after twice that pause.
   */
  readonly see: (version: Version, longestPause: number) => number;
  /** Whether the holder has renewed its lease since the first look. */
  readonly renewed: () => boolean;
}

export function watchLease(): LeaseWatch {
  let first: Version | undefined;
  let seen: Version | undefined;
  let watched = 0;
  let sinceLook = stopwatch();
  return {
    see(version, longestPause) {
      const pause = sinceLook();
      sinceLook = stopwatch();
      watched = version !== seen || pause > 2 * longestPause ? 0 : watched + Math.min(pause, longestPause);
      first ??= version;
      seen = version;
      return watched;
    },
    renewed: () => seen !== first,
  };
}

/** ms since now, by both clocks: the monotonic one stops while a machine sleeps, and the other one may be set. */
function stopwatch(): () => number {
  const [time, now] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - time, performance.now() - now);
}
