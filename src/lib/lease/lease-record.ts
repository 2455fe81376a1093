/** What the entry of a key contains: that a holder has the lease, or what remains of the work. */
import type { Entry } from '../../core/storage.ts';
import { parseStored } from '../stored-json.ts';

export interface Held {
  readonly fingerprint: string;
  readonly holder: string;
  /** The holder's own, ms. Absent for a lease that never expires, as is `leaseUntil`. */
  readonly lease?: number;
  /** Unix ms. */
  readonly leaseUntil?: number;
  /** The result that the work replaces. */
  readonly former?: string;
}

export interface Done extends Result {
  readonly fingerprint: string;
  readonly holder: string;
}

/** What remains of work that is done. */
export interface Result {
  /** `null` if the result itself is not stored. */
  readonly result: string | null;
  /** A digest of the cookies of the request that did the work, if the result sets cookies. */
  readonly cookies?: string | undefined;
  /** Who made the request that did the work, if the scope of the key does not say it. */
  readonly caller?: string | undefined;
}

export type LeaseRecord = Held | Done;

/** The last result of the work: while it is done again, that of before. */
export function formerResult(record: LeaseRecord | undefined): string | undefined {
  if (record === undefined) return undefined;
  return 'result' in record ? (record.result ?? undefined) : record.former;
}

/** @throws {StorageError} if the entry is not one that kyoa wrote */
export function parseRecord(key: string, { value }: Entry): LeaseRecord {
  return parseStored(key, value, isRecord);
}

function isRecord(value: unknown): value is LeaseRecord {
  const members = (value ?? {}) as Partial<Record<string, unknown>>;
  const { fingerprint, holder, result, cookies, caller, lease, leaseUntil, former } = members;
  const isLease = typeof holder === 'string' && isNumber(lease) && isNumber(leaseUntil) && isText(former);
  const isResult = (result === null || typeof result === 'string') && isText(cookies) && isText(caller);
  return typeof fingerprint === 'string' && (Object.hasOwn(members, 'result') ? isResult : isLease);
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isNumber(value: unknown): boolean {
  return value === undefined || typeof value === 'number';
}
