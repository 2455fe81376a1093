/** Errors in the form that fetch has them: a TypeError whose cause says what it was. */
import { TimeoutError } from '../../../src/core/errors.ts';
import { toRequest, type RequestLike } from '../../../src/core/engine/lazy-request.ts';

/** Before there is a response. */
export function failed(error: Error, asked: RequestLike): Error {
  return isTimeout(error)
    ? new TimeoutError(error, { request: toRequest(asked) })
    : new TypeError('fetch failed', { cause: error });
}

/** While the body comes. */
export function terminated(error: Error, asked: RequestLike): Error {
  return isTimeout(error)
    ? new TimeoutError(error, { request: toRequest(asked) })
    : new TypeError('terminated', { cause: error });
}

function isTimeout(error: Error): error is TimeoutError {
  return error instanceof TimeoutError && error.request === undefined;
}
