/** An error that says what everybody said, and stays the error it was: same object, same class, same message. */

/** One of those that were asked, and what came of it. */
export interface AttemptFailure {
  readonly url: string;
  readonly status?: number;
  readonly error?: unknown;
}

/** The causes that errors had of their own. */
const own = new WeakMap<AggregateError, unknown>();

/**
 * Gives the error an `AggregateError` for a cause, with one of `errors` for each saying, as Node's own has for the
 * addresses of a host. The cause it had becomes the cause of that, and its `code` stays where it is looked for.
 */
export function attachAttemptErrors(error: unknown, sayings: readonly AttemptFailure[]): void {
  if (!(error instanceof Error)) return;
  const cause = ownCause(error);
  const errors = sayings.map(({ url, status, error }) =>
    status !== undefined
      ? new Error(`${url}: answered ${status}`)
      : // Their own causes and not they themselves: one of them is the error at hand, which must not lead to itself.
        new Error(`${url}: ${described(error)}`, { cause: error instanceof Error ? ownCause(error) : error }),
  );
  const message = errors.map((said) => said.message).join('; ');
  const summary = new AggregateError(errors, message, { cause });
  const code = codeOf(cause);
  own.set(code === undefined ? summary : Object.assign(summary, { code }), cause);
  // Not by assignment, which throws where the error is frozen.
  Reflect.defineProperty(error, 'cause', { value: summary, configurable: true, writable: true, enumerable: false });
}

/** What caused the error itself, whether or not it sums up others. */
export function ownCause({ cause }: Error): unknown {
  return cause instanceof AggregateError && own.has(cause) ? own.get(cause) : cause;
}

function codeOf(cause: unknown): string | undefined {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(ownCause(error));
  return code === undefined ? error.message : `${error.message} (${code})`;
}
