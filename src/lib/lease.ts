/**
 * Once only, over any Storage: the right to do something under a key, and what came of it. The version of the entry is
 * the fencing token: a holder who was thought dead and comes back cannot write over its successor. Leases are compared
 * by the clocks of those who share the storage, which may differ by half a lease.
 */
import type { Entry, Storage, Version } from '../core/storage.ts';
import { noop } from './noop.ts';
import { afterUnref, type Timer } from '../core/engine/timers.ts';

export interface LeaseOptions {
  readonly storage: Storage;
  readonly key: string;
  /** Of what is to be done; the same key with another one is a mismatch. */
  readonly fingerprint: string;
  /** After so long without a sign of life a holder is given up, ms; `Infinity` for never. */
  readonly lease: number;
  /** How long the result is kept, ms. */
  readonly ttl: number;
}

export type LeaseOutcome =
  | {
      readonly state: 'mine';
      readonly holding: Lease;
      /** The holder before never came back. */
      readonly inDoubt: boolean;
    }
  /** `retryIn`: ms until the lease of the present holder runs out, if it is not renewed. */
  | { readonly state: 'held'; readonly retryIn: number }
  | { readonly state: 'done'; readonly result: string }
  | { readonly state: 'mismatch' };

/** Ends with the first call of either; a later one does nothing. */
export interface Lease {
  /** Resolves to whether it was recorded; `false` if a successor has taken over. After an error the lease runs out. */
  complete(result: string): Promise<boolean>;
  /** Lets others try at once. Never rejects: if it fails, the lease runs out. */
  release(): Promise<void>;
}

interface Held {
  readonly fingerprint: string;
  readonly holder: string;
  /** Unix ms; absent for a lease that does not run out. */
  readonly leaseUntil?: number;
}
interface Done {
  readonly fingerprint: string;
  readonly result: string;
}
type Note = Held | Done;

/** A slow holder renews its lease three times before it would run out. */
const renewals = 3;

export async function acquireLease(options: LeaseOptions): Promise<LeaseOutcome> {
  const { storage, key, fingerprint } = options;
  const holder = crypto.getRandomValues(new Uint32Array(4)).join('-');
  for (;;) {
    const entry = await storage.get(key);
    const note = entry && parse(entry);
    if (note !== undefined && note.fingerprint !== fingerprint) return { state: 'mismatch' };
    if (note !== undefined && 'result' in note) return { state: 'done', result: note.result };
    const retryIn = note === undefined ? 0 : (note.leaseUntil ?? Infinity) - Date.now();
    if (retryIn > 0) return { state: 'held', retryIn };

    const version = await writeLease(options, holder, entry?.version ?? null);
    if (version !== undefined)
      return { state: 'mine', holding: hold(options, holder, version), inDoubt: entry !== undefined };
    // Somebody else was faster: see what they wrote.
  }
}

/** Writes that the key is held, from now for the length of a lease. */
function writeLease(
  { storage, key, fingerprint, lease, ttl }: LeaseOptions,
  holder: string,
  ifVersion: Version | null,
): Promise<Version | undefined> {
  const note: Held = { fingerprint, holder, ...(lease !== Infinity && { leaseUntil: Date.now() + lease }) };
  // Beyond the lease as well, so that a successor knows that it is one, and what was to be done.
  return storage.set(key, JSON.stringify(note), { ttl: Math.max(ttl, lease), ifVersion });
}

/** Resolves to the version it has written, `undefined` when the one that was there is not `ifVersion`. */
type Write = (ifVersion: Version) => Promise<Version | undefined>;

function hold(options: LeaseOptions, holder: string, claimed: Version): Lease {
  const { storage, key, fingerprint, lease, ttl } = options;
  /** `undefined` once a successor has taken over. */
  let version: Version | undefined = claimed;
  let over = false;
  let heartbeat: Timer;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: each needs the version that the one before it was given. */
  const inTurn = (write: Write): Promise<boolean> => {
    const written = last.then(async () => {
      if (version === undefined) return false;
      version = (await write(version)) ?? (await overOurOwn(write));
      return version !== undefined;
    });
    last = written.catch(noop);
    return written;
  };
  /** A renewal may have been carried out though its acknowledgement got lost: then the version is not the one we know. */
  const overOurOwn = async (write: Write): Promise<Version | undefined> => {
    const entry = await storage.get(key);
    const note = entry && parse(entry);
    return entry && note && 'holder' in note && note.holder === holder ? write(entry.version) : undefined;
  };
  const beat = async (): Promise<void> => {
    const alive = await inTurn((ifVersion) => writeLease(options, holder, ifVersion)).catch(() => true);
    if (alive && !over) heartbeat = afterUnref(lease / renewals, beat);
  };
  const end = (write: Write): Promise<boolean> => {
    if (over) return Promise.resolve(false);
    over = true;
    clearTimeout(heartbeat);
    return inTurn(write);
  };

  heartbeat = afterUnref(lease / renewals, beat);
  return {
    complete(result) {
      const value = JSON.stringify({ fingerprint, result } satisfies Done);
      return end((ifVersion) => storage.set(key, value, { ttl, ifVersion }));
    },
    async release() {
      const remove: Write = async (ifVersion) => ((await storage.delete(key, { ifVersion })) ? ifVersion : undefined);
      await end(remove).catch(noop);
    },
  };
}

function parse({ value }: Entry): Note {
  return JSON.parse(value) as Note;
}
