/** The contract between policies and the stores that keep their state. adapters/storage has the implementations. */

/** A safe integer. The version of a key only rises, also across deletion, expiry and eviction: it is a fencing token. */
export type Version = number;

export interface Entry {
  readonly value: string;
  readonly version: Version;
  /** Unix ms. Absent when the entry does not expire. */
  readonly expires?: number;
}

export interface SetOptions {
  /** ms from now. Absent or `Infinity`: the entry does not expire. */
  readonly ttl?: number;
  /** Write only over this version; `null`: write only if the key has no entry. Absent: overwrite. */
  readonly ifVersion?: Version | null;
}

export interface DeleteOptions {
  /** Delete only this version. Absent: delete any version. */
  readonly ifVersion?: Version;
}

/**
 * A key-value store with versions. No member is optional, so a policy never probes for one. An unreachable or full
 * backend rejects with `KyoaError` `STORAGE`.
 */
export interface Storage {
  /** Resolves to `undefined` for a key that was never written, was deleted or has expired. */
  get(key: string): Promise<Entry | undefined>;
  /** Resolves to the new version, or to `undefined` if `ifVersion` did not hold. Atomic; acknowledged once committed. */
  set(key: string, value: string, options?: SetOptions): Promise<Version | undefined>;
  /** Resolves to whether a live entry was removed. Atomic. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /** Releases what the adapter opened. A closed storage rejects every call. A second call of `close` has no effect. */
  close(): Promise<void>;
}
