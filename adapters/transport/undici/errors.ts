/** Errors in the form in which fetch reports them: a TypeError whose `cause` is the original error. */
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { TimeoutError } from '../../../src/core/errors.ts';

/**
 * The message is the one that Node's fetch has: `fetch failed` before there is a response, `terminated` while its body
 * is read. A limit of this transport stays a TimeoutError.
 */
export function fetchError(message: 'fetch failed' | 'terminated', error: Error, request: RequestLike): Error {
  return error instanceof TimeoutError && error.request === undefined
    ? new TimeoutError(error, { request })
    : new TypeError(message, { cause: error });
}
