/** The state of a response body that policies watch. A response and its clones share one. */
import type { BodyContinuation } from '../../core/engine/transport-protocol.ts';
import { collectedRegistry, type Registry } from '../platform.ts';

/** What a policy wants to know about a body. */
export interface BodyWatcher {
  /**
   * Called once, when the body has been read to its end (`complete`), was cancelled or has failed. For a response of a
   * transport that reports the arrival of a body, it is called as soon as the whole body has arrived. For a response
   * without a body it is called at once.
   */
  end(complete: boolean): void;
  /** Whether `end` is also called when the response has been garbage-collected unread. It costs 1 us per call. */
  readonly endsUnread?: true;
  /** A body that has arrived, which is the end here, may be read later: it then fails if this signal has aborted. */
  readonly signal?: AbortSignal;
  /** The reader waits for bytes. Silence from here on is the server's. Called again while a body that broke off is continued. */
  wait?(): void;
  /** The reader has received a chunk. */
  served?(): void;
  /** A chunk has arrived. Only a watcher with this member puts a stream of ours between transport and reader. */
  chunk?(bytes: Uint8Array): void;
}

/** Ends a read with an error. After a break (`isBreak`) the read goes on with the continuation instead. */
export type EndRead = (error: unknown, isBreak: boolean) => void;

export interface WatchedBody {
  readonly watchers: BodyWatcher[];
  /** For each pending read, and for each stream of ours. */
  readonly readers: EndRead[];
  continuation: BodyContinuation | undefined;
  /** How many watchers, the first ones, belong to policies inside the continuation: for them a break is the end. */
  inside: number;
  /** The responses that may still read the body: the original and its clones, minus those that were cancelled. */
  copies: number;
  /** Whether a watcher has a `chunk` member. */
  hasChunkWatcher: boolean;
  /** How many bytes the response announced. A body of fewer bytes fails. */
  announced: number;
  /** How many bytes the copy that is ahead has read, and whether it waits for more. */
  length: number;
  waiting: boolean;
  /** Set at the end: whether the body was read to its end. */
  ended: boolean | undefined;
  /** Set when a policy has failed the body. */
  failure: { readonly error: unknown } | undefined;
}

export function newBody(): WatchedBody {
  return {
    watchers: [],
    readers: [],
    continuation: undefined,
    inside: 0,
    copies: 0,
    hasChunkWatcher: false,
    announced: 0,
    length: 0,
    waiting: false,
    ended: undefined,
    failure: undefined,
  };
}

/** A response may be dropped unread: then its body would never end. */
export const unreadBodies: Registry<WatchedBody> = /* @__PURE__ */ collectedRegistry<WatchedBody>((body) =>
  endBody(body, false),
);

export function endBody(body: WatchedBody, complete: boolean): void {
  if (body.ended !== undefined) return;
  body.ended = complete;
  unreadBodies.unregister(body);
  body.readers.length = 0;
  for (const watcher of body.watchers) watcher.end(complete);
  body.watchers.length = 0; // a caller that keeps the response must not keep the whole call with it
  if (complete && body.copies > 1) return; // a clone may be behind the one that has ended, and break off
  body.continuation = undefined;
}

/** Every read of the body, pending or later, rejects with exactly this error. */
export function failBody(body: WatchedBody, error: unknown): void {
  if (body.ended !== undefined) return;
  body.failure = { error };
  for (const end of body.readers.slice()) end(error, false); // one that fails leaves the list
  endBody(body, false);
}

/** A policy inside the continuation has failed the body: that is a break, unless the body cannot go on after this error. */
export function failInside(body: WatchedBody, error: unknown): void {
  if (body.continuation?.isBreak(error) !== true) return failBody(body, error);
  breakBody(body);
  for (const end of body.readers.slice()) end(error, true);
}

/** The response has broken off, and the body goes on with another one. */
export function breakBody(body: WatchedBody): void {
  const inside = body.watchers.splice(0, body.inside);
  body.inside = 0;
  for (const watcher of inside) watcher.end(false);
}

/** Throws for a body that has ended early, in the form in which Node's fetch reports it. */
export function checkLength({ announced }: Pick<WatchedBody, 'announced'>, length: number): void {
  if (length >= announced) return;
  const message = `The body ended after ${length} bytes, and its Content-Length is ${announced}`;
  throw new TypeError('terminated', { cause: Object.assign(new Error(message), { code: 'UND_ERR_SOCKET' }) });
}
