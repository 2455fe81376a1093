/** The contract between policies and the stores that keep their state. adapters/storage has the implementations. */

/**
 * The version of an entry of a storage. A safe integer. The version of a key only rises, also across deletion, expiry
 * and eviction: it is a fencing token.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md#the-contract
 */
export type Version = number;

/**
 * What `get` of a storage resolves to: a value and its version.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md#the-contract
 */
export interface Entry {
  readonly value: string;
  readonly version: Version;
  /** Unix ms. Absent when the entry does not expire. */
  readonly expires?: number;
}

/**
 * The options of `set` of a storage.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md#the-contract
 */
export interface SetOptions {
  /** ms from now. Absent or `Infinity`: the entry does not expire. */
  readonly ttl?: number | undefined;
  /** Write only over this version; `null`: write only if the key has no entry. Absent: overwrite. */
  readonly ifVersion?: Version | null | undefined;
  /** To whom the entry belongs. A store of limited size may limit the share of one owner; other stores ignore it. */
  readonly owner?: string | undefined;
}

/**
 * The options of `delete` of a storage.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md#the-contract
 */
export interface DeleteOptions {
  /** Delete only this version. Absent: delete any version. */
  readonly ifVersion?: Version | undefined;
}

/**
 * A key-value store with versions. No member is optional, so a policy never probes for one. An unreachable or full
 * backend rejects with `KyoaError` `STORAGE`.
 *
 * @example
 * ```ts
 * const storage: Storage = memory();
 * const version = await storage.set('key', 'value', { ttl: 60_000, ifVersion: null });
 * const entry = await storage.get('key');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md#the-contract
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
