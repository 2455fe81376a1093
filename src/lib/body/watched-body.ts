/** The state of a response body that policies watch. A response and its clones share one. */

/** What a policy wants to know about a body. */
export interface BodyWatcher {
  /**
   * Called once, when the body has been read to its end (`complete`), was cancelled or has failed. For a response of a
   * transport that reports the arrival of a body, it is called as soon as the whole body has arrived. For a response
   * without a body it is called at once.
   */
  end(complete: boolean): void;
  /** The reader waits for a chunk. Silence from here on is the server's. */
  wait?(): void;
  /** A chunk has arrived. Only a watcher with this member puts a stream of ours between transport and reader. */
  chunk?(bytes: Uint8Array): void;
}

export interface WatchedBody {
  readonly watchers: BodyWatcher[];
  /** How to reject each pending read, and how to fail each stream of ours. */
  readonly readers: ((error: unknown) => void)[];
  /** The responses that may still read the body: the original and its clones, minus those that were cancelled. */
  copies: number;
  /** Whether a watcher has a `chunk` member. */
  hasChunkWatcher: boolean;
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
    copies: 0,
    hasChunkWatcher: false,
    length: 0,
    waiting: false,
    ended: undefined,
    failure: undefined,
  };
}

export function endBody(body: WatchedBody, complete: boolean): void {
  if (body.ended !== undefined) return;
  body.ended = complete;
  body.readers.length = 0;
  for (const watcher of body.watchers) watcher.end(complete);
  body.watchers.length = 0; // a caller that keeps the response must not keep the whole call with it
}

/** Every read of the body, pending or later, rejects with exactly this error. */
export function failBody(body: WatchedBody, error: unknown): void {
  if (body.ended !== undefined) return;
  body.failure = { error };
  for (const fail of body.readers.slice()) fail(error); // one that fails leaves the list
  endBody(body, false);
}
