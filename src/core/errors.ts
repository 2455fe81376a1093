/** The errors that kyoa throws. An error of the transport or of the caller reaches the caller unchanged. */

/**
 * The kind of a failure, in `code` of a `KyoaError`. A message may change, a code does not.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export type KyoaErrorCode =
  | 'INVALID_OPTION'
  | 'BAD_MIDDLEWARE'
  | 'TIMEOUT'
  | 'CIRCUIT_OPEN'
  | 'LIMIT_EXCEEDED'
  | 'BODY_TOO_LARGE'
  | 'BODY_CHANGED'
  | 'IDEMPOTENCY_CONFLICT'
  | 'IDEMPOTENCY_MISMATCH'
  | 'IDEMPOTENCY_UNRECORDED'
  | 'RENEWAL_TIMEOUT'
  | 'EVENT_STREAM'
  | 'OUTBOX_EXPIRED'
  | 'OUTBOX_FAILED'
  | 'OUTBOX_FULL'
  | 'OUTBOX_REFUSED'
  | 'STORAGE'
  | 'UPLOAD_FAILED'
  | 'UPLOAD_MISMATCH'
  | 'UPLOAD_UNSUPPORTED';

/**
 * The options of the constructors of errors.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export interface KyoaErrorOptions {
  /** The request that failed, if there was one, or the context of its call. */
  readonly request?: Request | Requested | undefined;
  readonly cause?: unknown;
}

/** A context is one. The Request is created when the error's `request` is read. */
interface Requested {
  readonly method: string;
  readonly url: string;
  readonly request: Request;
}

/**
 * An error of kyoa. `code` is the kind of failure. The message names what failed and, where there is one, the remedy.
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.get('https://api.example.com/users');
 * } catch (error) {
 *   if (error instanceof KyoaError) console.warn(error.code, error.message);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class KyoaError extends Error {
  override name = 'KyoaError';
  readonly code: KyoaErrorCode;
  /** The requests that the call has sent, if there were several. */
  declare readonly attempts?: number;
  /** Private: a log of the error must not contain the headers of the request. */
  readonly #request: Request | Requested | undefined;

  constructor(code: KyoaErrorCode, message: string, { request, ...options }: KyoaErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.#request = request;
  }

  /** The request that failed, if there was one. */
  get request(): Request | undefined {
    const request = this.#request;
    return request !== undefined && 'request' in request ? request.request : request;
  }
}

/**
 * Which limit expired. `connect` and `write` come from a transport, because only the owner of a socket can measure them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md#timeout-or-abort
 */
export type TimeoutPhase = 'total' | 'headers' | 'idle' | 'connect' | 'write';

/**
 * What a `TimeoutError` says of the limit that expired.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md#timeout-or-abort
 */
export interface TimeoutFacts {
  readonly phase: TimeoutPhase;
  /** The limit that expired, ms. */
  readonly limit: number;
  /** From the start of the limit to the error, ms. */
  readonly elapsed: number;
}

/**
 * A limit expired. Its `name` is the one that the checks of the platform and of ky recognize.
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.get('https://api.example.com/report', { timeout: 1_000 });
 * } catch (error) {
 *   if (error instanceof TimeoutError) console.warn(`${error.phase}: ${error.limit} ms are over`);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md#timeout-or-abort
 */
export class TimeoutError extends KyoaError implements TimeoutFacts {
  override name = 'TimeoutError';
  readonly phase: TimeoutPhase;
  readonly limit: number;
  readonly elapsed: number;

  constructor({ phase, limit, elapsed }: TimeoutFacts, options?: KyoaErrorOptions) {
    const { request } = options ?? {};
    const what = request === undefined ? '' : `: ${request.method} ${withoutUrlSecrets(request.url)}`;
    super('TIMEOUT', `No ${awaited[phase]} within ${limit} ms (${phase})${what}`, options);
    this.phase = phase;
    this.limit = limit;
    this.elapsed = elapsed;
  }
}

/** Whether it is an error, also of another realm: under Jest those of the platform's fetch are no instances of Error. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || /(Error|Exception)]$/.test(Object.prototype.toString.call(value));
}

/** The text without the credentials, the query and the fragment of each URL in it: messages end up in logs. */
export function withoutUrlSecrets(text: string): string {
  return text.replace(/\/\/[^\s"/?#]*@/g, '//…@').replace(/([?#])[^\s"?#]+/g, '$1…');
}

/** The key of the user's own function may be a whole URL. */
function shownKey(key: string): string {
  return key.includes('://') ? withoutUrlSecrets(key) : key;
}

/** What did not arrive within its limit. */
export const awaited: Record<TimeoutPhase, string> = {
  total: 'complete response',
  headers: 'response headers',
  idle: 'next chunk of the body',
  connect: 'connection',
  write: 'progress in sending the body',
};

/**
 * The circuit of the call's key is open: the request was not sent, because too many calls with this key have failed.
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.get('https://api.example.com/users');
 * } catch (error) {
 *   if (error instanceof CircuitOpenError) console.warn(`${error.key} is down until ${new Date(error.retryAt)}`);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class CircuitOpenError extends KyoaError {
  override name = 'CircuitOpenError';
  readonly key: string;
  /** When the circuit lets a probe pass, Unix ms. */
  readonly retryAt: number;

  constructor(key: string, retryAt: number, options?: KyoaErrorOptions) {
    const wait = Math.max(0, retryAt - Date.now());
    super('CIRCUIT_OPEN', `Too many calls to ${shownKey(key)} have failed; try again in ${wait} ms`, options);
    this.key = key;
    this.retryAt = retryAt;
  }
}

/**
 * The request was not sent: the queue is full, or its turn would come after its deadline.
 *
 * @example
 * ```ts
 * try {
 *   await createFetch({ use: [limit({ concurrency: 1, queue: 0 })] })('https://api.example.com/users');
 * } catch (error) {
 *   if (error instanceof LimitError) console.warn(`too many calls to ${error.key}`);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class LimitError extends KyoaError {
  override name = 'LimitError';
  readonly key: string;

  constructor(key: string, why: 'queue' | 'deadline', options?: KyoaErrorOptions) {
    const what = why === 'queue' ? 'are waiting' : 'are ahead of this one for it to be sent before its deadline';
    super('LIMIT_EXCEEDED', `Too many calls to ${shownKey(key)} ${what}; make fewer, or try again later`, options);
    this.key = key;
  }
}

/**
 * A response body is longer than its limit allows, after decoding. A further attempt would get the same body.
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.get('https://api.example.com/report', { maxBody: 1_000 }).text();
 * } catch (error) {
 *   if (error instanceof BodySizeError) console.warn(`more than ${error.limit} bytes`);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class BodySizeError extends KyoaError {
  override name = 'BodySizeError';
  /** The limit, bytes. */
  readonly limit: number;

  constructor(limit: number, options?: KyoaErrorOptions) {
    const what =
      options?.request === undefined
        ? 'The body'
        : `The body of ${options.request.method} ${withoutUrlSecrets(options.request.url)}`;
    super('BODY_TOO_LARGE', `${what} has more than ${limit} bytes; raise maxBody, or ask for less`, options);
    this.limit = limit;
  }
}

/**
 * The store is unreachable, full or closed, or an entry of it is not readable. `cause` is the backend's own error.
 *
 * @example
 * ```ts
 * try {
 *   await memory().get('key');
 * } catch (error) {
 *   if (error instanceof StorageError) console.warn(error.message, error.cause);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class StorageError extends KyoaError {
  override name = 'StorageError';

  constructor(message: string, options?: KyoaErrorOptions) {
    super('STORAGE', message, options);
  }
}

const keyFaults = {
  IDEMPOTENCY_CONFLICT: 'A request with the idempotency key KEY is in progress; wait for it, or try again later',
  IDEMPOTENCY_MISMATCH:
    'The idempotency key KEY was used for another request, or with other credentials; use a new key for a new request, and give a scope where the credentials of a user change',
  IDEMPOTENCY_UNRECORDED:
    'The request with the idempotency key KEY was executed, and its response was not stored: it is a stream, or above 1 MiB, or the storage was full; ask the server for the result',
};

/**
 * The request cannot be executed under its idempotency key. Another call holds the key (`IDEMPOTENCY_CONFLICT`), the
 * key belongs to another request (`IDEMPOTENCY_MISMATCH`), or its request was executed and the response is not stored
 * (`IDEMPOTENCY_UNRECORDED`).
 *
 * @example
 * ```ts
 * try {
 *   await kyoa.post('https://api.example.com/orders', { json: { id: 42 }, requestId: 'order-42' });
 * } catch (error) {
 *   if (error instanceof IdempotencyError) console.warn(error.code, error.key, error.retryAt);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/errors.md
 */
export class IdempotencyError extends KyoaError {
  override name = 'IdempotencyError';
  readonly key: string;
  /** For a conflict: when the lease of the present holder expires unless it is renewed, Unix ms. */
  readonly retryAt: number | undefined;

  constructor(
    code: keyof typeof keyFaults,
    key: string,
    { retryAt, ...options }: KyoaErrorOptions & { readonly retryAt?: number } = {},
  ) {
    super(
      code,
      keyFaults[code].replace('KEY', () => key),
      options,
    );
    this.key = key;
    this.retryAt = retryAt;
  }
}
