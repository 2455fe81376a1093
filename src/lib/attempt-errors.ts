/** Attaches the failures of all attempts to the error that the caller gets. The error stays the same object. */
import { isError } from '../core/errors.ts';

/** An attempt that failed: the endpoint, and the status or the error. */
export interface AttemptFailure {
  readonly url: string;
  readonly status?: number;
  readonly error?: unknown;
}

/** By attached summary: the cause that the error had before. */
const originalCauses = new WeakMap<AggregateError, unknown>();

/**
 * Makes an `AggregateError` the cause of `error`, with one error for each failure, as Node does for the addresses of a
 * host. The previous cause of `error` becomes the cause of the `AggregateError`, which also takes over its `code`.
 */
export function attachAttemptErrors(error: unknown, failures: readonly AttemptFailure[]): void {
  if (!isError(error)) return;
  const cause = originalCause(error);
  const errors = failures.map(({ url, status, error }) =>
    status !== undefined
      ? new Error(`${url}: answered ${status}`)
      : // The cause and not the error: one of these errors is the annotated one, which must not become its own cause.
        new Error(`${url}: ${described(error)}`, { cause: isError(error) ? originalCause(error) : error }),
  );
  const message = errors.map(({ message }) => message).join('; ');
  const summary = new AggregateError(errors, message, { cause });
  const code = codeOf(cause);
  originalCauses.set(code === undefined ? summary : Object.assign(summary, { code }), cause);
  // An assignment throws where the error is frozen.
  Reflect.defineProperty(error, 'cause', { value: summary, configurable: true, writable: true, enumerable: false });
}

/** The cause that the error had before `attachAttemptErrors`. */
export function originalCause({ cause }: Error): unknown {
  return cause instanceof AggregateError && originalCauses.has(cause) ? originalCauses.get(cause) : cause;
}

function codeOf(cause: unknown): string | undefined {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function described(error: unknown): string {
  if (!isError(error)) return String(error);
  const code = codeOf(originalCause(error));
  return code === undefined ? error.message : `${error.message} (${code})`;
}
