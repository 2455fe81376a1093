/**
 * A lease over any Storage: the right to do work under a key, and the result of that work. The version of the entry is the
 * fencing token: a holder whose lease has expired cannot overwrite its successor. Expiry is compared by the clocks of the
 * processes that share the storage, which may differ by half a lease.
 */
import type { Entry, Storage, Version } from '../../core/storage.ts';
import { noop } from '../../lib/noop.ts';
import { afterUnref, type Timer } from '../../core/engine/timers.ts';

export interface LeaseOptions {
  readonly storage: Storage;
  readonly key: string;
  /** Identifies the work. The same key with another fingerprint is a mismatch. */
  readonly fingerprint: string;
  /** A lease expires this long after its last renewal, ms; `Infinity`: never. */
  readonly lease: number;
  /** How long the result is stored, ms. */
  readonly ttl: number;
}

export type LeaseOutcome =
  | {
      readonly state: 'acquired';
      readonly lease: Lease;
      /** The lease of a former holder expired, so the work may have been done already. */
      readonly inDoubt: boolean;
    }
  /** `retryIn`: ms until the lease of the present holder expires, unless the holder renews it. */
  | { readonly state: 'held'; readonly retryIn: number }
  | { readonly state: 'done'; readonly result: string }
  | { readonly state: 'mismatch' };

/** A lease ends with the first call of either method. A later call has no effect. */
export interface Lease {
  /** Resolves to whether the result was stored: `false` if a successor has taken over. After an error the lease expires. */
  complete(result: string): Promise<boolean>;
  /** Frees the key at once. It never rejects: if the store fails, the lease expires. */
  release(): Promise<void>;
}

interface Held {
  readonly fingerprint: string;
  readonly holder: string;
  /** Unix ms; absent for a lease that never expires. */
  readonly leaseUntil?: number;
}
interface Done {
  readonly fingerprint: string;
  readonly result: string;
}
type LeaseRecord = Held | Done;

/** A holder renews its lease this often before it would expire. */
const renewals = 3;

export async function acquireLease(options: LeaseOptions): Promise<LeaseOutcome> {
  const { storage, key, fingerprint } = options;
  const holder = crypto.getRandomValues(new Uint32Array(4)).join('-');
  for (;;) {
    const entry = await storage.get(key);
    const record = entry && parse(entry);
    if (record !== undefined && record.fingerprint !== fingerprint) return { state: 'mismatch' };
    if (record !== undefined && 'result' in record) return { state: 'done', result: record.result };
    const retryIn = record === undefined ? 0 : (record.leaseUntil ?? Infinity) - Date.now();
    if (retryIn > 0) return { state: 'held', retryIn };

    const version = await writeLease(options, holder, entry?.version ?? null);
    if (version !== undefined)
      return { state: 'acquired', lease: hold(options, holder, version), inDoubt: entry !== undefined };
    // Another call wrote first: read what it wrote.
  }
}

/** Writes that the key is held from now on, for the duration of a lease. */
function writeLease(
  { storage, key, fingerprint, lease, ttl }: LeaseOptions,
  holder: string,
  ifVersion: Version | null,
): Promise<Version | undefined> {
  const record: Held = { fingerprint, holder, ...(lease !== Infinity && { leaseUntil: Date.now() + lease }) };
  // The entry outlives the lease, so that a successor finds the fingerprint and knows that the work is in doubt.
  return storage.set(key, JSON.stringify(record), { ttl: Math.max(ttl, lease), ifVersion });
}

/** Resolves to the new version, or to `undefined` if the entry's version is not `ifVersion`. */
type Write = (ifVersion: Version) => Promise<Version | undefined>;

function hold(options: LeaseOptions, holder: string, acquired: Version): Lease {
  const { storage, key, fingerprint, lease, ttl } = options;
  /** `undefined` once a successor has taken over. */
  let version: Version | undefined = acquired;
  let ended = false;
  let heartbeat: Timer;
  let last: Promise<unknown> = Promise.resolve();

  /** Writes follow one another: each needs the version of the one before. */
  const inTurn = (write: Write): Promise<boolean> => {
    const written = last.then(async () => {
      if (version === undefined) return false;
      version = (await write(version)) ?? (await overOwnRecord(write));
      return version !== undefined;
    });
    last = written.catch(noop);
    return written;
  };
  /** If the acknowledgement of a renewal was lost, the entry has a version that this holder does not know. */
  const overOwnRecord = async (write: Write): Promise<Version | undefined> => {
    const entry = await storage.get(key);
    const record = entry && parse(entry);
    return entry && record && 'holder' in record && record.holder === holder ? write(entry.version) : undefined;
  };
  const beat = async (): Promise<void> => {
    const alive = await inTurn((ifVersion) => writeLease(options, holder, ifVersion)).catch(() => true);
    if (alive && !ended) heartbeat = afterUnref(lease / renewals, beat);
  };
  const end = (write: Write): Promise<boolean> => {
    if (ended) return Promise.resolve(false);
    ended = true;
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

function parse({ value }: Entry): LeaseRecord {
  return JSON.parse(value) as LeaseRecord;
}
