/** An answer as data, before it goes on the wire. */

export interface Reply {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A dripping body arrives in so many pieces. */
export const PIECES = 10;

const reasons: Readonly<Record<number, string>> = {
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

export function failure(status: number, retryAfter: number): Reply {
  const headers: Record<string, string> = retryAfter > 0 ? { 'retry-after': String(retryAfter) } : {};
  return { status, headers, body: { error: reasons[status] ?? 'Error' } };
}
