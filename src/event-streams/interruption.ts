/** What ended a connection, and whether another one may do better. */
import { isResponse } from '../core/compose.ts';
import { transientStatuses } from '../core/engine/http-constants.ts';
import { CircuitOpenError, isError, KyoaError, LimitError, TimeoutError } from '../core/errors.ts';
import { isTransient } from '../lib/outcome.ts';
import { retryAfter } from '../lib/header-times.ts';

/** Whether another request may get the stream after this error. `opened`: the server had accepted the connection. */
export function isTemporary(error: unknown, opened: boolean): boolean {
  const response = responseOf(error);
  if (response !== undefined) return transientStatuses.includes(response.status);
  if (opened) return !isDeliberate(error);
  const { name, cause } = Object(error) as Partial<Error>;
  return (
    isTransient(name === 'NetworkError' ? cause : error) || // the client's error has that of fetch as its cause
    error instanceof CircuitOpenError ||
    error instanceof LimitError
  );
}

/** How long the server, or an open circuit, wishes no further request, ms. */
export function pauseAfter(error: unknown): number {
  const response = responseOf(error);
  if (response !== undefined) return retryAfter(response) ?? 0;
  return error instanceof CircuitOpenError ? Math.max(0, error.retryAt - Date.now()) : 0;
}

/** A body that a policy or a program ends on purpose. Any other body that fails has broken off. */
function isDeliberate(error: unknown): boolean {
  return error instanceof KyoaError ? !(error instanceof TimeoutError) : isError(error) && error.name === 'AbortError';
}

/** That of an `EventStreamError`, or of the client's `HTTPError`. */
export function responseOf(error: unknown): Response | undefined {
  const { response } = Object(error) as { readonly response?: Response };
  return isResponse(response) ? response : undefined;
}
