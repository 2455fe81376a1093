/** Distinguishes an error of the network from a programming error, which no retry fixes. */
import isKnownNetworkError from 'is-network-error';
import { resetCodes } from '../core/engine/http-constants.ts';
import { originalCause } from './attempt-errors.ts';

/**
 * Node's fetch rejects with `fetch failed` for a refused connection and for a bad port alike. Only `error.cause.code`
 * differs. The names come from the error lists of libuv and undici, without the failures of TLS, of the URL and of the
 * request itself.
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
]);

export function isNetworkError(error: unknown): boolean {
  const cause = causeOf(error);
  // In browsers an error has no cause. Its message is all there is, and is-network-error maintains the table of messages.
  if (cause === undefined) return isKnownNetworkError(error);
  // The parser error has no code in Node 24, and a code of HPE_* in Node 22.
  return transientCodes.has(cause.code) || cause.name === 'HTTPParserError';
}

/** Whether the connection was closed while the request used it. Browsers do not report it. */
export function isReset(error: unknown): boolean {
  return resetCodes.has(causeOf(error)?.code);
}

function causeOf(error: unknown): { readonly code?: unknown; readonly name?: unknown } | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = originalCause(error);
  return typeof cause === 'object' && cause !== null ? cause : undefined;
}
