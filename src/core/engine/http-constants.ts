/** Facts of HTTP that policies and transports share. */

/** Safe methods (RFC 9110 §9.2.1) and QUERY: a request may be executed several times without harm. */
export const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'];

/** Idempotent methods (RFC 9110 §9.2.2) and QUERY: executing a request twice has the effect of executing it once. */
export const idempotentMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'];

/** Statuses that a new attempt may turn into a success. */
export const transientStatuses: readonly number[] = [408, 429, 500, 502, 503, 504];

/** Statuses whose response has no body (Fetch Standard, null body status; 101 never reaches a caller of fetch). */
export const nullBodyStatuses: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Error codes of a connection that was closed while a request used it. */
export const resetCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** A discarded body of up to this many bytes is read to its end, which keeps the connection; a longer one is cancelled. */
export const maxDrainedBody: number = 64 * 1024;
/** A discarded body that takes longer than this, ms, is cancelled. */
export const maxDrainTime = 1_000;

/** A body of up to this many bytes may be held in memory: grpc-java's default for the retry buffer of one call. */
export const maxBufferedBody: number = 1024 * 1024;
