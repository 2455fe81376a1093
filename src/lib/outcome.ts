/** The outcome of `next()`: a response or an error, as a value that a policy can judge, keep and pass on. */
import isKnownNetworkError from 'is-network-error';
import { isResponse } from '../core/compose.ts';
import type { Context } from '../core/context.ts';
import { resetCodes } from '../core/engine/http-constants.ts';
import { isError, TimeoutError } from '../core/errors.ts';
import { noteAttempts, originalCause } from './attempt-notes.ts';
import { discard } from './body/discard.ts';
import { retryAfter } from './header-times.ts';

/**
 * How an attempt or a call ended: with a response, or with an error.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 */
export type Outcome =
  | { readonly response: Response; readonly error?: never }
  | { readonly error: unknown; readonly response?: never };

/**
 * The type of the option `when`: whether a policy acts on an outcome. Judges an outcome by its status, headers or
 * error. It never reads the body.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 */
export type When = (outcome: Outcome, ctx: Context) => boolean;

export function settle(response: Promise<Response>): Promise<Outcome> {
  return settleThen(response, (outcome) => outcome);
}

/** As `then(await settle(response))`, with one promise less: this is the way of every call that simply succeeds. */
export function settleThen<Result>(
  response: Promise<Response>,
  then: (outcome: Outcome) => Result | Promise<Result>,
): Promise<Result> {
  return response.then(
    (response) => then(isResponse(response) ? { response } : { error: new TypeError('No Response') }),
    (error: unknown) => then({ error }),
  );
}

/** The outcome as `next()` gave it: returns the response, or throws the error unchanged. */
export function unwrap(outcome: Outcome): Response {
  if (outcome.response !== undefined) return outcome.response;
  throw outcome.error;
}

/** As `unwrap`, for a policy that may have sent several requests: their number is noted on the outcome. */
export function unwrapNoted(outcome: Outcome, ctx: Context): Response {
  noteAttempts(outcome.response ?? outcome.error, ctx);
  return unwrap(outcome);
}

/** For an outcome that another one replaces. Nothing waits for the body of the response. */
export function discardOutcome({ response }: Outcome): void {
  if (response !== undefined) discard(response);
}

/** The status or the error, for an event. */
export function outcomeFacts({ response, error }: Outcome): { readonly status: number } | { readonly error: unknown } {
  return response !== undefined ? { status: response.status } : { error };
}

/** An error that a further attempt may avoid: of the network, or of a limit that expired. A programming error is none. */
export function isTransient(error: unknown): boolean {
  return error instanceof TimeoutError || isNetworkError(error);
}

const replacements = new WeakSet<object>();

/** The reason of a call that another call has replaced. An `AbortError` alone may be that of a time limit. */
export function replacedReason(message: string): DOMException {
  const reason = new DOMException(message, 'AbortError');
  replacements.add(reason);
  return reason;
}

/** The outcome of a call that was aborted, or that a newer one has replaced: no other outcome takes its place. */
export function isAborted({ error }: Outcome, { aborted }: Context): boolean {
  return aborted || replacements.has(error as object);
}

/** An error, or a response by which the server reports a failure of its own. */
export function isFailure({ response }: Outcome): boolean {
  return response === undefined || response.status >= 500;
}

/** A failure, or a response (408, 429) that refuses this copy of the request only: another copy may do better. */
export function isNotGood(outcome: Outcome): boolean {
  return isFailure(outcome) || outcome.response?.status === 408 || outcome.response?.status === 429;
}

/** Statuses below 500 after which the request may still be executed, say with other credentials. */
const undecided = new Set([401, 407, 408, 409, 425, 429]);

/** A response after which the request has been executed, or will never be. */
export function isFinal({ response }: Outcome): boolean {
  return response !== undefined && response.status < 500 && !undecided.has(response.status);
}

/** The pause, ms, that the outcome itself suggests before this retry (1 for the first); `undefined` if it suggests none. */
export function suggestedDelay({ response, error }: Outcome, retry: number): number | undefined {
  if (response !== undefined) return retryAfter(response);
  // The server may have closed a connection that was idle for too long: the first retry opens another one at once.
  return retry === 1 && isReset(error) ? 0 : undefined;
}

const refusals = new WeakMap<object, number>();

/** Reports to the policies outside that the next attempt will be refused until `time`, Unix ms. The outcome is unchanged. */
export function setNotBefore({ response, error }: Outcome, time: number): void {
  const carrier = response ?? error;
  if (typeof carrier === 'object' && carrier !== null) refusals.set(carrier, time);
}

/** When the next attempt will no longer be refused, Unix ms; `undefined` if no inner policy reported a refusal. */
export function notBefore({ response, error }: Outcome): number | undefined {
  return refusals.get((response ?? error) as object);
}

/**
 * Node's fetch rejects with `fetch failed` for a refused connection and for a bad port alike. Only `error.cause.code`
 * differs. The names come from the error lists of libuv, undici and node:http2, without the failures of TLS, of the URL
 * and of the request itself.
 */
const transientCodes: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_DESTROYED',
  'ERR_HTTP2_ERROR',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_SESSION_ERROR',
]);

/** Distinguishes an error of the network from a programming error, which no retry fixes. */
export function isNetworkError(error: unknown): boolean {
  const described = descriptionOf(error);
  // In browsers an error has no cause. Its message is all there is, and is-network-error maintains the table of messages.
  if (described === undefined) return isKnownNetworkError(error) || isUntypedError(error);
  // The parser error has no code in Node 24, and a code of HPE_* in Node 22.
  return transientCodes.has(described.code) || described.name === 'HTTPParserError' || isDenoReset(described);
}

/**
 * Where a connection ends while Deno sends a body, the cause has the number of the system alone: EPIPE, then ECONNRESET and
 * ECONNABORTED on Linux, macOS and Windows. Other numbers may be those of a file that is the body.
 */
function isDenoReset({ message }: Description): boolean {
  return /\(os error (32|104|103|54|53|10054|10053)\)$/.test(String(message));
}

/** Expo's fetch has checked the request when it calls the network. Its errors are no TypeErrors, nor is that of Workers. */
function isUntypedError(error: unknown): boolean {
  return isError(error) && (error.message.startsWith('fetch failed: ') || error.message === 'Network connection lost.');
}

/** Whether the connection was closed while the request used it. Browsers do not report it. */
export function isReset(error: unknown): boolean {
  return resetCodes.has(descriptionOf(error)?.code);
}

interface Description {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
}

/** What has the code: the cause, or the error itself, as of node-fetch. A cause that is no error, as msw's, describes nothing. */
function descriptionOf(error: unknown): Description | undefined {
  if (!isError(error)) return undefined;
  const cause = originalCause(error) as Description | null | undefined;
  if (typeof cause?.code === 'string' || typeof cause?.name === 'string') return cause;
  return typeof (error as Description).code === 'string' ? error : undefined;
}
