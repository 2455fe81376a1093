/** The default stack. */
import type { Middleware } from './core/context.ts';
import { knownKeys } from './core/options.ts';
import { adaptive, type Adaptive } from './middleware/timeout/adaptive.ts';
import { quantile } from './middleware/timeout/estimators.ts';
import { breaker, type BreakerOptions } from './middleware/breaker/breaker.ts';
import { dedupe, type DedupeOptions } from './middleware/dedupe/dedupe.ts';
import { idempotency, type IdempotencyOptions } from './middleware/idempotency/idempotency.ts';
import { retry, type RetryOptions } from './middleware/retry.ts';
import { timeout, type TimeoutOptions } from './middleware/timeout/timeout.ts';

/**
 * Twice the 99th percentile. Mean plus two deviations, the default of `adaptive`, aborts a few per cent of the good
 * responses of a steady route.
 */
const adaptiveHeaders: Adaptive = adaptive({
  min: 1_000,
  initial: 10_000,
  max: 10_000,
  minSamples: 20,
  estimate: quantile(0.99, { factor: 2 }),
});

/** The policies' own options, by policy name. `false` omits a policy. */
export interface StandardOptions {
  /** `headers` limits each attempt, the others limit the call. @default { total: 30_000, idle: 30_000, headers: adaptive, 1_000 to 10_000 } */
  readonly timeout?: number | TimeoutOptions | false;
  readonly dedupe?: DedupeOptions | false;
  /** It acts only on a key that the caller gives: only the caller can know that the server supports it. @default { generate: false } */
  readonly idempotency?: IdempotencyOptions | false;
  readonly retry?: RetryOptions | false;
  readonly breaker?: BreakerOptions | false;
}

/**
 * The stack that `kyoa` itself runs, outermost first.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function standard(options: StandardOptions = {}): Middleware[] {
  knownKeys('standard', options, ['timeout', 'dedupe', 'idempotency', 'retry', 'breaker']);
  const limits = typeof options.timeout === 'number' ? { total: options.timeout } : options.timeout;
  const { headers, ...whole } = limits || {};
  return [
    limits !== false && timeout({ total: 30_000, idle: 30_000, ...whole }),
    options.dedupe !== false && dedupe(options.dedupe),
    options.idempotency !== false && idempotency({ generate: false, ...options.idempotency }),
    options.retry !== false && retry(options.retry),
    options.breaker !== false && breaker(options.breaker),
    limits !== false && timeout({ headers: headers ?? adaptiveHeaders }),
  ].filter((policy) => policy !== false);
}
