/** The contract between policies and whatever keeps their state; adapters/storage holds the implementations. */

/** A safe integer that rises within a key, also across deletion, expiry and eviction: a fencing token. */
export type Version = number;

export interface Entry {
  readonly value: string;
  readonly version: Version;
  /** Unix ms; absent when the entry does not expire. */
  readonly expires?: number;
}

export interface SetOptions {
  /** ms from now. Absent or `Infinity`: until deleted. */
  readonly ttl?: number;
  /** Write only over this version; `null`: only where there is no entry. Absent: in any case. */
  readonly ifVersion?: Version | null;
}

export interface DeleteOptions {
  /** Delete only this version. Absent: whatever is there. */
  readonly ifVersion?: Version;
}

/**
 * Nothing is optional, so there is nothing to probe. An unreachable or full backend rejects with
 * `KyoaError` `STORAGE`.
 */
export interface Storage {
  /** `undefined` for a key never written, deleted or expired. */
  get(key: string): Promise<Entry | undefined>;
  /** Resolves to the new version, or `undefined` if `ifVersion` did not hold. Atomic; acknowledged once committed. */
  set(key: string, value: string, options?: SetOptions): Promise<Version | undefined>;
  /** Resolves to whether a live entry was removed. Atomic. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /** Releases what the adapter opened; a closed storage rejects every call. Closing twice is harmless. */
  close(): Promise<void>;
}
