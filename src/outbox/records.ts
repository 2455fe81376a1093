/** What an outbox stores: a list of requests, and an entry for each of them. */
import type { OutboxErrorCode } from './outbox-error.ts';
import { isStoredRequest, type StoredRequest } from './stored-request.ts';

/** What the list has of a request. */
export interface Ticket {
  readonly id: string;
  readonly lane: string;
  /** Absent for a request that is anybody's. */
  readonly user?: string | undefined;
  readonly method: string;
  readonly url: string;
  /** When it was written down, Unix ms. */
  readonly since: number;
  /** ms. */
  readonly keep: number;
  /** How often it was tried in vain, when that was the last time, Unix ms, and how long it pauses since then, ms. */
  readonly tries?: number;
  readonly tried?: number;
  readonly pause?: number;
}

export interface SettledTicket extends Ticket {
  /** Counts the outcomes of the outbox. */
  readonly n: number;
}

export interface Entry {
  readonly request: StoredRequest;
  /** As that of the ticket. */
  readonly user?: string | undefined;
  /** The response, serialized. */
  readonly result?: string;
  /** Why it is no longer tried. */
  readonly error?: { readonly code: OutboxErrorCode; readonly message: string };
}

export interface List {
  /** The number of the next outcome. It is also a Unix time in ms, so that it is greater than those before the storage was emptied. */
  readonly next: number;
  readonly waiting: readonly Ticket[];
  /** The latest outcomes, which are kept for those who ask. */
  readonly settled: readonly SettledTicket[];
}

export const emptyList: List = { next: 0, waiting: [], settled: [] };

/** How long the list is stored after the last change, and an entry after the time of its request, ms: 30 days. */
export const shortestTtl = 2_592_000_000;

/** ms, 100 years. A storage may evict what is stored without an end. */
const longestTtl = 3_155_760_000_000;

/** Requests with the same channel are sent one after another. */
export function channelOf({ lane, user }: Pick<Ticket, 'lane' | 'user'>): string {
  return JSON.stringify([lane, user]);
}

/** `Infinity`, which JSON does not have, as a number of it. */
export function finite(ms: number): number {
  return Math.min(ms, Number.MAX_VALUE);
}

/** An entry outlives its time: a device may be off, or its clock wrong, and the request is tried once more. */
export function ttlOf({ keep }: Ticket): number {
  return Math.min(keep + Math.max(keep, shortestTtl), longestTtl);
}

export function isList(value: unknown): value is List {
  const { next, waiting, settled } = Object(value) as Partial<Record<string, unknown>>;
  return typeof next === 'number' && isTickets(waiting) && isTickets(settled);
}

function isTickets(value: unknown): boolean {
  const isTicket = ({ id, lane, since, keep }: Record<string, unknown>): boolean =>
    typeof id === 'string' && typeof lane === 'string' && typeof since === 'number' && typeof keep === 'number';
  return Array.isArray(value) && value.every((one) => isTicket(Object(one) as Record<string, unknown>));
}

export function isEntry(value: unknown): value is Entry {
  const { request, result, error } = Object(value) as Partial<Record<string, unknown>>;
  return isStoredRequest(request) && typeof (result ?? '') === 'string' && typeof (error ?? {}) === 'object';
}
