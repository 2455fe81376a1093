/** Everything observable, once: `<policy>.<past participle>`, plus the life of a request and of its attempts. */

/** What a policy reports; `emit` adds `id` and `time`. Durations and delays are ms. */
export type Fact =
  | { readonly type: 'request.started'; readonly method: string; readonly url: string }
  | {
      readonly type: 'request.settled';
      readonly method: string;
      readonly url: string;
      /** Present when there was an answer. */
      readonly status?: number;
      /** Present when there was none. */
      readonly error?: unknown;
      /** To the response headers, or to the error. */
      readonly duration: number;
      /** Requests that were handed to the transport beneath. */
      readonly attempts: number;
    }
  | { readonly type: 'attempt.sent'; readonly attempt: number; readonly method: string; readonly url: string }
  | { readonly type: 'attempt.answered'; readonly attempt: number; readonly status: number; readonly duration: number }
  | { readonly type: 'attempt.failed'; readonly attempt: number; readonly error: unknown; readonly duration: number }
  | {
      readonly type: 'timeout.exceeded';
      readonly phase: 'total' | 'headers' | 'idle';
      readonly limit: number;
      readonly elapsed: number;
    }
  | {
      readonly type: 'retry.scheduled';
      /** 1 for the first retry. */
      readonly retry: number;
      readonly delay: number;
      readonly status?: number;
      readonly error?: unknown;
    }
  | {
      /** The last outcome stands, though it was one that is retried in principle. */
      readonly type: 'retry.abandoned';
      readonly reason: 'retries' | 'budget' | 'deadline' | 'retry-after' | 'body';
      readonly status?: number;
      readonly error?: unknown;
    }
  | { readonly type: 'dedupe.joined' }
  | {
      /** `awaited`: another holds the key; `recovered`: its holder before never came back, and whether its request was carried out is in doubt. */
      readonly type: 'idempotency.awaited' | 'idempotency.recovered' | 'idempotency.replayed';
      readonly key: string;
    }
  | {
      /** The answer could not be kept: the storage failed (`error`), or it is too long or a stream. */
      readonly type: 'idempotency.unrecorded';
      readonly key: string;
      readonly error?: unknown;
    }
  | { readonly type: 'fallback.used'; readonly status?: number; readonly error?: unknown };

/** A fact of a middleware of your own. */
export interface CustomFact {
  readonly type: `${string}.${string}`;
  readonly [fact: string]: unknown;
}

export type KyoaEvent = Fact & {
  /** The id of the request, the same for all its attempts. */
  readonly id: string;
  /** Unix ms. */
  readonly time: number;
};

export type Listener = (event: KyoaEvent) => void;
