/** Distinguishes an error of the network from a programming error, which no retry fixes. */
import isKnownNetworkError from 'is-network-error';
import { resetCodes } from '../core/engine/http-constants.ts';
import { isError } from '../core/errors.ts';
import { originalCause } from './attempts.ts';

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
