/**
 * What a transport of ours (`undici()`) and the policies exchange beyond the contract of fetch, to save objects that
 * most calls do not need. A response reports when its body has arrived whole (`bodyArrival`), so that a policy need not
 * observe its reader. The transport takes the request and the abort source of the call (`sendRequest`), so that no
 * AbortSignal is created and no init is read again. A GET through `standard()` on `undici()` allocates 24 kB in Node 24, 36
 * kB without `bodyArrival`, and 25 kB with a signal; of the 12 kB a stream is 9. Any other fetch works without them. The
 * symbols are registered, because the transport may have been loaded with another copy of this module.
 */
import type { AbortSource } from './lazy-abort.ts';
import type { RequestLike } from './lazy-request.ts';

/** A member of a Response. */
export const bodyArrival: unique symbol = Symbol.for('kyoa.bodyArrival') as never;

export interface BodyArrival {
  /** The `content-type` of the response. Reading `headers` would create them. */
  readonly contentType: string | undefined;
  /**
   * Calls `end` once, when the whole body has arrived (`complete`) or no more of it will; at once if that has happened. A
   * read that begins later rejects with the reason of `signal`, if it has aborted by then.
   */
  onEnd(end: (complete: boolean) => void, signal?: AbortSignal): void;
  /** Whether the whole body has arrived: then it cannot break off. */
  readonly isComplete: boolean;
  /** Present when the body has broken off, or when a policy has failed it. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Each read, pending or later, rejects with exactly this error. No effect once the whole body has arrived. */
  abort(error: unknown): void;
}

/** A response, which may be one of a transport of ours. */
export interface Arriving {
  readonly [bodyArrival]?: BodyArrival;
}

/**
 * A member of a transport: sends a request as the pipeline has it. The arguments of fetch would be parsed again, and the
 * signal created.
 */
export const sendRequest: unique symbol = Symbol.for('kyoa.sendRequest') as never;

export interface KyoaTransport {
  readonly [sendRequest]: (request: RequestLike, abortSource: AbortSource) => Promise<Response>;
}
