/** A response as data, before it is sent. */

export interface Reply {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, in place of `body`. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  /** The length of what `bytes` is a part of. @default that of the body */
  readonly whole?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The number of pieces in which a slow body arrives, if it is sent from its beginning. */
const PIECES = 10;

export function bytesOf({ body, bytes }: Reply): Uint8Array<ArrayBuffer> {
  return bytes ?? new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body));
}

/** Of a slow body, the length of a piece. */
export function pieceOf(reply: Reply): number {
  return Math.ceil((reply.whole ?? bytesOf(reply).length) / PIECES);
}

export function headersOf({ body, headers }: Reply): Record<string, string> {
  return { 'cache-control': 'no-store', ...(body !== undefined && { 'content-type': 'application/json' }), ...headers };
}

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
