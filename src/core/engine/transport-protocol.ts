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
  readonly isContinued: boolean;
  /**
   * Lets the body go on after a break. For the listeners so far, a break is the end. No effect on a body that has arrived,
   * whole or not, or has a continuation.
   */
  continueWith(create: () => BodyContinuation): void;
  /** Calls `wait` at a break, and for all that arrives until the body goes on: the server is not silent. */
  onContinued(wait: () => void): void;
  /**
   * Each read, pending or later, rejects with exactly this error. No effect once the whole body has arrived. From `inside` the
   * continuation it may be a break.
   */
  abort(error: unknown, inside: boolean): void;
}

/** How a body goes on after a break. */
export interface BodyContinuation {
  /** Whether the error is a break after which the body may go on. */
  isBreak(error: unknown): boolean;
  /**
   * For the body, or for each of the copies of one that was cloned: they break off at different places and times, so that
   * their further responses may be of different versions.
   */
  forCopy(): CopyContinuation;
}

/** Reads a body that has broken off to its end, from further responses. */
export interface CopyContinuation {
  /** Takes the bytes that a reader has received, each once and in their order. `length`: how many it has now. */
  keep(bytes: Uint8Array, length: number): void;
  /**
   * Resolves to a reader of what follows the first `offset` bytes. Rejects with the error that the reader of the body gets.
   * Calls `arrived` for all that arrives until then: the server is not silent.
   */
  rest(error: unknown, offset: number, arrived: () => void): Promise<BodyReader>;
  /** Called when the reader has left, or has got an error. Aborts a further request. */
  abort(): void;
}

export type BodyReader = Pick<ReadableStreamDefaultReader<ReturnType<Uint8Array['slice']>>, 'read' | 'cancel'>;

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
