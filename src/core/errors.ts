/** The errors that kyoa throws. An error of the transport or of the caller reaches the caller unchanged. */

export type KyoaErrorCode =
  | 'INVALID_OPTION'
  | 'BAD_MIDDLEWARE'
  | 'TIMEOUT'
  | 'CIRCUIT_OPEN'
  | 'LIMIT_EXCEEDED'
  | 'IDEMPOTENCY_CONFLICT'
  | 'IDEMPOTENCY_MISMATCH'
  | 'STORAGE';

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

/** An error of kyoa. `code` is the kind of failure. The message names what failed and, where there is one, the remedy. */
export class KyoaError extends Error {
  override name = 'KyoaError';
  readonly code: KyoaErrorCode;
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

/** Which limit expired. `connect` and `write` come from a transport, because only the owner of a socket can measure them. */
export type TimeoutPhase = 'total' | 'headers' | 'idle' | 'connect' | 'write';

export interface TimeoutFacts {
  readonly phase: TimeoutPhase;
  /** The limit that expired, ms. */
  readonly limit: number;
  /** From the start of the limit to the error, ms. */
  readonly elapsed: number;
}

/** A limit expired. Its `name` is the one that the checks of the platform and of ky recognize. */
export class TimeoutError extends KyoaError implements TimeoutFacts {
  override name = 'TimeoutError';
  readonly phase: TimeoutPhase;
  readonly limit: number;
  readonly elapsed: number;

  constructor({ phase, limit, elapsed }: TimeoutFacts, options?: KyoaErrorOptions) {
    const what = options?.request === undefined ? '' : `: ${options.request.method} ${options.request.url}`;
    super('TIMEOUT', `No ${awaited[phase]} within ${limit} ms (${phase})${what}`, options);
    this.phase = phase;
    this.limit = limit;
    this.elapsed = elapsed;
  }
}

const awaited: Record<TimeoutPhase, string> = {
  total: 'complete response',
  headers: 'response headers',
  idle: 'next chunk of the body',
  connect: 'connection',
  write: 'progress in sending the body',
};

/** The circuit of the call's key is open: the request was not sent, because too many calls with this key have failed. */
export class CircuitOpenError extends KyoaError {
  override name = 'CircuitOpenError';
  readonly key: string;
  /** When the circuit lets a probe pass, Unix ms. */
  readonly retryAt: number;

  constructor(key: string, retryAt: number, options?: KyoaErrorOptions) {
    const wait = Math.max(0, retryAt - Date.now());
    super('CIRCUIT_OPEN', `Too many calls to ${key} have failed; try again in ${wait} ms`, options);
    this.key = key;
    this.retryAt = retryAt;
  }
}

/** The request was not sent: the queue is full, or its turn would come after its deadline. */
export class LimitError extends KyoaError {
  override name = 'LimitError';
  readonly key: string;

  constructor(key: string, why: 'queue' | 'deadline', options?: KyoaErrorOptions) {
    const what = why === 'queue' ? 'are waiting' : 'are ahead of this one for it to be sent before its deadline';
    super('LIMIT_EXCEEDED', `Too many calls to ${key} ${what}; make fewer, or try again later`, options);
    this.key = key;
  }
}

/** The store is unreachable, full or closed, or an entry of it is not readable. `cause` is the backend's own error. */
export class StorageError extends KyoaError {
  override name = 'StorageError';

  constructor(message: string, options?: KyoaErrorOptions) {
    super('STORAGE', message, options);
  }
}

/** Another call holds the key (`IDEMPOTENCY_CONFLICT`), or the key belongs to another request (`IDEMPOTENCY_MISMATCH`). */
export class IdempotencyError extends KyoaError {
  override name = 'IdempotencyError';
  readonly key: string;
  /** For a conflict: when the lease of the present holder expires unless it is renewed, Unix ms. */
  readonly retryAt: number | undefined;

  constructor(
    code: 'IDEMPOTENCY_CONFLICT' | 'IDEMPOTENCY_MISMATCH',
    key: string,
    { retryAt, ...options }: KyoaErrorOptions & { readonly retryAt?: number } = {},
  ) {
    const message =
      code === 'IDEMPOTENCY_CONFLICT'
        ? `A request with the idempotency key ${key} is in progress; wait for it, or try again later`
        : `The idempotency key ${key} was used for another request; use a new key for a new request`;
    super(code, message, options);
    this.key = key;
    this.retryAt = retryAt;
  }
}
