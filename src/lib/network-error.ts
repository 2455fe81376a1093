/** Tells a failing network from a failing program, which no retry mends. */
import isKnownNetworkError from 'is-network-error';
import { resetCodes } from '../core/engine/http.ts';
import { ownCause } from './attempt-errors.ts';

/**
 * Node's fetch says `fetch failed` of a refused connection and of a bad port alike; the difference is in
 * `error.cause.code`. Names from libuv's and undici's error lists; failures of TLS, of the URL and of the
 * request itself are left out.
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
  // Browsers give no cause: there the message is all there is, in the table that is-network-error keeps.
  if (cause === undefined) return isKnownNetworkError(error);
  // Node 24's parser error has no code, Node 22's has HPE_*.
  return transientCodes.has(cause.code) || cause.name === 'HTTPParserError';
}

/** Only where the platform says so, that is, not in browsers. */
export function isReset(error: unknown): boolean {
  return resetCodes.has(causeOf(error)?.code);
}

function causeOf(error: unknown): { readonly code?: unknown; readonly name?: unknown } | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = ownCause(error);
  return typeof cause === 'object' && cause !== null ? cause : undefined;
}
