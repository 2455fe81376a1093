/** What kyoa throws of its own accord. An error of the transport or of the caller passes through as it is. */

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
  /** The request that was under way, where there was one. */
  readonly request?: Request | undefined;
  readonly cause?: unknown;
}

/** `code` says which of the few things went wrong; the message says what to do about it. */
export class KyoaError extends Error {
  override name = 'KyoaError';
  readonly code: KyoaErrorCode;
  readonly request: Request | undefined;

  constructor(code: KyoaErrorCode, message: string, { request, ...options }: KyoaErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.request = request;
  }
}

/** Which wait ran out. A transport adds the ones that only the owner of the socket can see. */
export type TimeoutPhase = 'total' | 'headers' | 'idle' | 'connect' | 'write';

export interface TimeoutFacts {
  readonly phase: TimeoutPhase;
  /** The limit that ran out, ms. */
  readonly limit: number;
  /** From the start of the policy that watched to the moment it gave up, ms. */
  readonly elapsed: number;
}

/** Its `name` is the one that the platform's and ky's own checks look for. */
export class TimeoutError extends KyoaError implements TimeoutFacts {
  override name = 'TimeoutError';
  readonly phase: TimeoutPhase;
  readonly limit: number;
  readonly elapsed: number;

  constructor({ phase, limit, elapsed }: TimeoutFacts, options?: KyoaErrorOptions) {
    const what = options?.request === undefined ? '' : `: ${options.request.method} ${options.request.url}`;
    super('TIMEOUT', `No ${waitedFor[phase]} within ${limit} ms (${phase})${what}`, options);
    this.phase = phase;
    this.limit = limit;
    this.elapsed = elapsed;
  }
}

const waitedFor: Record<TimeoutPhase, string> = {
  total: 'complete answer',
  headers: 'response headers',
  idle: 'next chunk of the body',
  connect: 'connection',
  write: 'progress in sending the body',
};

/** Refused without being sent: too many calls with this key have failed. */
export class CircuitOpenError extends KyoaError {
  override name = 'CircuitOpenError';
  readonly key: string;
  /** When a call may pass again, as a probe, Unix ms. */
  readonly retryAt: number;

  constructor(key: string, retryAt: number, options?: KyoaErrorOptions) {
    const wait = Math.max(0, retryAt - Date.now());
    super('CIRCUIT_OPEN', `Too many calls to ${key} have failed; try again in ${wait} ms`, options);
    this.key = key;
    this.retryAt = retryAt;
  }
}

/** Refused without being sent: the queue is full, or the turn would come after the deadline. */
export class LimitError extends KyoaError {
  override name = 'LimitError';
  readonly key: string;

  constructor(key: string, why: 'queue' | 'deadline', options?: KyoaErrorOptions) {
    const what = why === 'queue' ? 'wait already' : 'go first for this one to be sent before its deadline';
    super('LIMIT_EXCEEDED', `Too many calls to ${key} ${what}; make fewer, or try again later`, options);
    this.key = key;
  }
}

/** The store is unreachable, full, closed, or not what it should be; `cause` is what it said. */
export class StorageError extends KyoaError {
  override name = 'StorageError';

  constructor(message: string, options?: KyoaErrorOptions) {
    super('STORAGE', message, options);
  }
}

/** The key is in use (`IDEMPOTENCY_CONFLICT`), or was used for something else (`IDEMPOTENCY_MISMATCH`). */
export class IdempotencyError extends KyoaError {
  override name = 'IdempotencyError';
  readonly key: string;
  /** Of a conflict: when its holder will be given up unless it shows a sign of life, Unix ms. */
  readonly retryAt: number | undefined;

  constructor(
    code: 'IDEMPOTENCY_CONFLICT' | 'IDEMPOTENCY_MISMATCH',
    key: string,
    { retryAt, ...options }: KyoaErrorOptions & { readonly retryAt?: number } = {},
  ) {
    const message =
      code === 'IDEMPOTENCY_CONFLICT'
        ? `A request with the idempotency key ${key} is under way; wait for it, or try again later`
        : `The idempotency key ${key} was used for another request; take a new key for a new request`;
    super(code, message, options);
    this.key = key;
    this.retryAt = retryAt;
  }
}
