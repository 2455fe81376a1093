/** Says on the error of a call what the call has tried: how many attempts, and, of several servers, how each has failed. */
import { attemptOf, type Context } from '../core/context.ts';
import { shortDuration } from '../core/engine/short-duration.ts';
import { isError, KyoaError, withoutUrlSecrets } from '../core/errors.ts';

/** The text is "after 4 attempts in 2.1 s: ECONNREFUSED". */
interface Tried {
  readonly attempts: number;
  readonly text: string;
}

/** By error or response. */
const outcomes = new WeakMap<object, Tried>();
/** How an error was before: it may be thrown again, for the calls that share a request or by code that has kept it. */
const originals = new WeakMap<Error, { readonly message: string; readonly stack: string | undefined }>();

/**
 * Notes the requests that a call has sent so far on its outcome. An error gets the member `attempts` and the text; it stays
 * the same object. The `message` of an error that is not kyoa's does not change: is-network-error, and with it ky and
 * p-retry, knows a network error by the exact message. There the text is in `stack`, which consoles print.
 *
 * The reason of an abort and the error of a call that has sent one request do not change.
 */
export function noteAttempts(outcome: unknown, ctx: Context): void {
  const { sent: attempts, started } = attemptOf(ctx).call;
  if (attempts < 2 || ctx.aborted) return;
  try {
    const tried = ` after ${attempts} attempts in ${shortDuration(performance.now() - started)}`;
    const isOurs = outcome instanceof KyoaError;
    const noted = { attempts, text: isOurs ? tried : tried + reason(outcome) };
    outcomes.set(outcome as object, noted);
    if (isError(outcome)) append(outcome, noted, isOurs);
  } catch {
    // The outcome is no object, it is frozen, or a getter of it throws.
  }
}

/** Repeats on the error of an entry point what is noted on `from`, its cause or its response. */
export function copyAttempts(from: unknown, error: Error): void {
  try {
    append(error, outcomes.get(from as object) ?? { attempts: 1, text: reason(from) }, true);
  } catch {
    // A hook has thrown an error that has no cause, or is frozen.
  }
}

function append(error: Error, { attempts, text }: Tried, inMessage: boolean): void {
  const { message, stack } = originals.get(error) ?? error;
  originals.set(error, { message, stack });
  if (attempts > 1) Object.assign(error, { attempts });
  if (inMessage) error.message = message + text;
  // Firefox and Safari have no message in `stack`.
  if (message !== '' && String(stack).includes(message)) error.stack = stack!.replace(message, () => message + text);
}

/**
 * The message of Node's fetch is always `fetch failed`: the code of its cause is what the reader needs. The cause of a port
 * that fetch refuses, and of a request that a mock does not know, has a message only.
 */
function reason(outcome: unknown): string {
  const { cause } = outcome as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } };
  const words = cause?.code ?? cause?.message;
  return typeof words === 'string' && words !== '' ? `: ${withoutUrlSecrets(words)}` : '';
}

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
  for (const made of [summary, ...errors]) releaseFrames(made);
  // An assignment throws where the error is frozen.
  Reflect.defineProperty(error, 'cause', { value: summary, configurable: true, writable: true, enumerable: false });
}

/**
 * V8 keeps the functions of a stack, and all that they hold, until the stack is read. Here that is `retry`, which holds the
 * response of a later attempt, while the reason of the failed attempt is kept until that response has ended.
 */
function releaseFrames(error: Error): void {
  Reflect.get(error, 'stack');
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
