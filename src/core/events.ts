/** All events. A type is `<policy>.<past participle>`, or names a step in the life of a request or an attempt. */

/**
 * An event as a policy emits it; `emit` adds `id` and `time`. Durations and delays are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/events.md
 */
export type Fact =
  | { readonly type: 'request.started'; readonly method: string; readonly url: string }
  | {
      readonly type: 'request.settled';
      readonly method: string;
      readonly url: string;
      /** Present when there was a response. */
      readonly status?: number;
      /** Present when there was no response. */
      readonly error?: unknown;
      /** Present when the caller or a policy aborted the call for another reason than a limit: it has not failed. */
      readonly aborted?: true;
      /** Until the response headers, or the error. */
      readonly duration: number;
      /** Requests that were passed to the transport. */
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
      /** Present when the caller or a policy (a hedge, its losing copy) aborted the attempt: it has not failed. */
      readonly aborted?: true;
      readonly duration: number;
    }
  | {
      readonly type: 'timeout.exceeded';
      readonly phase: 'total' | 'headers' | 'idle';
      readonly limit: number;
      readonly elapsed: number;
      /** Present when the limit was learned from the history of the route. */
      readonly learned?: true;
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
      /** The last outcome is the result, although it is one that would be retried. */
      readonly type: 'retry.abandoned';
      readonly reason: 'retries' | 'budget' | 'deadline' | 'breaker' | 'retry-after' | 'body';
      readonly status?: number;
      readonly error?: unknown;
    }
  | {
      /**
       * A body that broke off goes on with a further response. `continued`: the rest was requested. `restarted`: the whole was
       * requested again.
       */
      readonly type: 'resume.continued' | 'resume.restarted';
      /** The bytes that the reader already has. */
      readonly offset: number;
    }
  | {
      /**
       * A body that broke off does not go on: its reader gets an error. `changed`: the server has another version. `encoded`,
       * `unsupported`: nothing proves that the bytes of a further response belong to those that the reader has. `refused`: an
       * inner policy refused the request.
       */
      readonly type: 'resume.abandoned';
      readonly reason: 'continuations' | 'budget' | 'deadline' | 'refused' | 'changed' | 'encoded' | 'unsupported';
      readonly offset: number;
      readonly error: unknown;
    }
  | {
      readonly type: 'hedge.launched';
      /** 2 for the first copy: the original request is 1. */
      readonly copy: number;
      /** Since the start of the call. */
      readonly delay: number;
    }
  | {
      /** Which copy of the call won; 1 is the original request. */
      readonly type: 'hedge.won';
      readonly copy: number;
    }
  | {
      /** A copy was due, and was not sent. */
      readonly type: 'hedge.suppressed';
      readonly reason: 'body' | 'budget' | 'retry-after';
    }
  | {
      /** `renewed`: there is a new token. `refused`: the token server has refused, which signs the user out. */
      readonly type: 'auth.renewed' | 'auth.refused';
      readonly duration: number;
    }
  /** The call waits for a renewal that another caller or process has begun. */
  | { readonly type: 'auth.awaited' }
  /** The request did not reach the server. The call resolves with a 202, and the request is sent later. */
  | { readonly type: 'outbox.kept' }
  | {
      /** A request that was kept. `sent`: its outcome is final. `postponed`: it goes on waiting. */
      readonly type: 'outbox.sent' | 'outbox.postponed';
      /** Since the call that was kept. */
      readonly age: number;
    }
  | { readonly type: 'race.won'; readonly url: string }
  | { readonly type: 'dedupe.joined' }
  /** A newer call has replaced this one. */
  | { readonly type: 'latest.replaced' }
  | {
      /**
       * The policy passed the call through, because its default key may lack what identifies the caller. `middleware`:
       * one that is not kyoa's is placed inside the policy. `option`: an option of the call cannot be compared.
       * `platform`: on Workers no call may wait for the request of another one.
       */
      readonly type: 'dedupe.skipped' | 'stale-if-error.skipped';
      readonly reason: 'middleware' | 'option' | 'platform';
    }
  | {
      /** `awaited`: another call holds the key. `recovered`: the lease of the former holder expired; its request may have been executed. */
      readonly type: 'idempotency.awaited' | 'idempotency.recovered' | 'idempotency.replayed';
      readonly key: string;
    }
  | {
      /** The response could not be stored: the storage failed (`error`), or the body is too long or is a stream. */
      readonly type: 'idempotency.unrecorded';
      readonly key: string;
      readonly error?: unknown;
    }
  | {
      /** `opened`: also after a failed probe. `rejected`: this call was refused. A probe may pass at `retryAt`, Unix ms. */
      readonly type: 'breaker.opened' | 'breaker.rejected';
      readonly key: string;
      readonly retryAt: number;
    }
  | {
      /** `probed`: this call is the probe that decides whether the circuit closes. */
      readonly type: 'breaker.probed' | 'breaker.closed';
      readonly key: string;
    }
  | {
      readonly type: 'limit.queued';
      readonly key: string;
      /** Waiting calls that will be sent earlier. */
      readonly ahead: number;
    }
  | {
      /** `queue`: the queue is full. `deadline`: the call's turn would come after its deadline. */
      readonly type: 'limit.rejected';
      readonly key: string;
      readonly reason: 'queue' | 'deadline';
    }
  | {
      /** The store of a shared limit is unreachable: the call started within the share of this process alone. */
      readonly type: 'limit.local';
      readonly key: string;
      readonly error: unknown;
    }
  | {
      /** The handler refused a request. `concurrency`: too many run. `delay`: it has waited too long for the event loop. */
      readonly type: 'shed.rejected';
      readonly reason: 'concurrency' | 'delay';
      /** 0 is the highest, 7 the lowest (RFC 9218). */
      readonly urgency: number;
    }
  | {
      /** The handler refused a request that has only `left` ms left. */
      readonly type: 'deadline.rejected';
      readonly left: number;
    }
  | {
      /** The handler has not responded within `limit` ms: the time that the client had left, or the longest one allowed. */
      readonly type: 'deadline.exceeded';
      readonly limit: number;
    }
  | { readonly type: 'endpoint.picked'; readonly url: string; readonly zone?: string }
  | { readonly type: 'endpoint.ejected'; readonly url: string; readonly duration: number }
  | { readonly type: 'endpoint.returned'; readonly url: string }
  | {
      readonly type: 'stale-if-error.served';
      /** Age of the stored response, seconds. */
      readonly age: number;
      readonly status?: number;
      readonly error?: unknown;
    }
  | {
      /** The storage failed (`error`), or the body is too long. */
      readonly type: 'stale-if-error.unrecorded';
      readonly error?: unknown;
    }
  | {
      /** The attempt meets a fault on purpose. `status`, `error` or `cut` takes the place of the server's response. */
      readonly type: 'chaos.injected';
      /** The time before the request is sent, ms. */
      readonly latency?: number;
      readonly status?: number;
      readonly error?: 'refused' | 'reset' | 'hang';
      /** The share of the body after which it breaks off. */
      readonly cut?: number;
    }
  | {
      /** The body of a response has more than `limit` bytes. */
      readonly type: 'max-body.exceeded';
      readonly limit: number;
    }
  | { readonly type: 'fallback.used'; readonly status?: number; readonly error?: unknown };

/**
 * An event of a user's own middleware.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#6-events
 */
export interface CustomFact {
  readonly type: `${string}.${string}`;
  readonly [fact: string]: unknown;
}

/**
 * An event as a listener of `observe()` receives it: a fact, the id of its call, and the time.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/events.md
 */
export type KyoaEvent = Fact & {
  /** The id of the call, the same for all its attempts. */
  readonly id: string;
  /** Unix ms. */
  readonly time: number;
};

/**
 * A function that receives events. An error that it throws does not affect the call.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/observe.md
 */
export type Listener = (event: KyoaEvent) => void;
