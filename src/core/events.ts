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
  | {
      readonly type: 'attempt.answered';
      readonly attempt: number;
      readonly method: string;
      readonly url: string;
      readonly status: number;
      readonly duration: number;
    }
  | {
      readonly type: 'attempt.failed';
      readonly attempt: number;
      readonly method: string;
      readonly url: string;
      readonly error: unknown;
      readonly duration: number;
    }
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
      readonly reason: 'retries' | 'budget' | 'deadline' | 'breaker' | 'retry-after' | 'body';
      readonly status?: number;
      readonly error?: unknown;
    }
  | {
      readonly type: 'hedge.launched';
      /** 2 for the first one besides the original. */
      readonly copy: number;
      /** Since the call began. */
      readonly delay: number;
    }
  | {
      /** Of a call with several copies: which one answered; 1 is the original. */
      readonly type: 'hedge.won';
      readonly copy: number;
    }
  | {
      /** A copy was due and not sent. */
      readonly type: 'hedge.suppressed';
      readonly reason: 'body' | 'budget' | 'retry-after';
    }
  | { readonly type: 'race.won'; readonly url: string }
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
  | {
      /** `opened`: also by a probe that failed; `rejected`: this call. A call may pass at `retryAt`, Unix ms. */
      readonly type: 'breaker.opened' | 'breaker.rejected';
      readonly key: string;
      readonly retryAt: number;
    }
  | {
      /** `probed`: this call is sent to see whether the circuit can be closed. */
      readonly type: 'breaker.probed' | 'breaker.closed';
      readonly key: string;
    }
  | {
      readonly type: 'limit.queued';
      readonly key: string;
      /** How many go first. */
      readonly ahead: number;
    }
  | {
      /** The queue is full, or the turn would come after the deadline. */
      readonly type: 'limit.rejected';
      readonly key: string;
      readonly reason: 'queue' | 'deadline';
    }
  | { readonly type: 'endpoint.picked'; readonly url: string; readonly zone?: string }
  | { readonly type: 'endpoint.ejected'; readonly url: string; readonly duration: number }
  | { readonly type: 'endpoint.returned'; readonly url: string }
  | {
      readonly type: 'stale-if-error.served';
      /** Seconds. */
      readonly age: number;
      readonly status?: number;
      readonly error?: unknown;
    }
  | {
      /** The storage failed (`error`), or the answer is too long. */
      readonly type: 'stale-if-error.unrecorded';
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
