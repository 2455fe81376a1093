/** Errors in the form in which fetch reports them: a TypeError whose `cause` is the original error. */
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { BodySizeError, TimeoutError } from '../../../src/core/errors.ts';

/**
 * The message is the one that Node's fetch has: `fetch failed` before there is a response, `terminated` while its body
 * is read. An error of a limit of this transport is kyoa's own.
 */
export function fetchError(message: 'fetch failed' | 'terminated', error: Error, request: RequestLike): Error {
  if (error instanceof TimeoutError) return error.request === undefined ? new TimeoutError(error, { request }) : error;
  if (error instanceof BodySizeError) return error.request ? error : new BodySizeError(error.limit, { request });
  return new TypeError(message, { cause: error });
}
