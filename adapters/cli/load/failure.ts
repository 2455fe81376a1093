/** The kind of a failure, in the few words by which a report groups them. */
import { CircuitOpenError, KyoaError, TimeoutError } from '../../../src/index.ts';

const known: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate not trusted',
  CERT_HAS_EXPIRED: 'certificate expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate of another host',
  UND_ERR_SOCKET: 'connection closed',
};

export function failureOf(error: unknown): string {
  if (error instanceof TimeoutError) return `timeout (${error.phase})`;
  if (error instanceof CircuitOpenError) return 'circuit open';
  if (error instanceof KyoaError) return error.code.toLowerCase().replaceAll('_', ' ');
  const code = codeOf(error);
  if (code !== undefined) return known[code] ?? code;
  return error instanceof Error ? nameOf(error) : String(error);
}

/** The code of the socket's error is deeper than the `fetch failed` above it. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const own = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return codeOf(error.cause) ?? own;
}

/** Above a reason that has no code, `fetch failed` says nothing. */
function nameOf({ name, message, cause }: Error): string {
  if (name === 'TimeoutError') return 'timeout (total)';
  return cause instanceof Error ? nameOf(cause) : `${name}: ${message}`;
}
