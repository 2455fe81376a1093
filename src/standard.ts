/** The default stack, in one screen. */
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
 * Mean plus two deviations, the default of `adaptive`, cuts a few per cent of good answers on a steady route; twice
 * the 99th percentile does not.
 */
const learnt: Adaptive = adaptive({
  min: 1_000,
  initial: 10_000,
  max: 10_000,
  minSamples: 20,
  estimate: quantile(0.99, { factor: 2 }),
});

/** The policies' own options, by name; `false` leaves a policy out. */
export interface StandardOptions {
  /** `headers` limits each attempt, the others the whole call. @default { total: 30_000, idle: 30_000, headers: learnt, 1_000 to 10_000 } */
  readonly timeout?: number | TimeoutOptions | false;
  readonly dedupe?: DedupeOptions | false;
  /** It acts when the caller names a key: nobody else can know that the server honours one. @default { generate: false } */
  readonly idempotency?: IdempotencyOptions | false;
  readonly retry?: RetryOptions | false;
  readonly breaker?: BreakerOptions | false;
}

/**
 * What `kyoa` itself runs, outermost first.
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
    limits !== false && timeout({ headers: headers ?? learnt }),
  ].filter((policy) => policy !== false);
}
