/** The default stack. */
import type { Middleware } from './core/context.ts';
import { knownKeys } from './core/options.ts';
import { adaptive, type Adaptive } from './middleware/timeout/adaptive.ts';
import { quantile } from './middleware/timeout/estimators.ts';
import { breaker, type BreakerOptions } from './middleware/breaker/breaker.ts';
import { dedupe, type DedupeOptions } from './middleware/dedupe/dedupe.ts';
import { idempotency, type IdempotencyOptions } from './middleware/idempotency/idempotency.ts';
import { resume, type ResumeOptions } from './middleware/resume/resume.ts';
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

/**
 * The options of `standard()`. The policies' own options, by policy name. `false` omits a policy.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#the-order
 */
export interface StandardOptions {
  /** `headers` limits each attempt, the others limit the call. @default { total: 30_000, idle: 30_000, headers: adaptive, 1_000 to 10_000 } */
  readonly timeout?: number | TimeoutOptions | false | undefined;
  readonly dedupe?: DedupeOptions | false | undefined;
  readonly resume?: ResumeOptions | false | undefined;
  /** It acts only on a key that the caller gives: only the caller can know that the server supports it. @default { generate: false } */
  readonly idempotency?: IdempotencyOptions | false | undefined;
  readonly retry?: RetryOptions | false | undefined;
  readonly breaker?: BreakerOptions | false | undefined;
}

/**
 * The default stack: the list of middleware that `kyoa` itself runs, outermost first. It has a limit for the call,
 * `dedupe`, `resume`, `idempotency` for keys that the caller gives, `retry`, `breaker` and a limit for each attempt.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [...standard({ timeout: { total: 60_000 }, dedupe: false }), hedge()] });
 * await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#the-order
 */
export function standard(options: StandardOptions = {}): Middleware[] {
  return standardStack(options, { timeout, dedupe, resume, idempotency, retry, breaker });
}

/** How each policy of the standard stack is made. */
type Create<Policy> = {
  readonly [Name in keyof StandardOptions]-?: (given: never) => Policy;
};

/** The standard stack of what `create` makes. */
export function standardStack<Policy>(options: StandardOptions, create: Create<Policy>): Policy[] {
  knownKeys('standard', options, Object.keys(create));
  const limits = typeof options.timeout === 'number' ? { total: options.timeout } : options.timeout;
  const { headers, ...whole } = limits || {};
  const once = options.idempotency || {};
  const policies: readonly (readonly [keyof StandardOptions, unknown])[] = [
    ['timeout', { ...whole, total: whole.total ?? 30_000, idle: whole.idle ?? 30_000 }],
    ['dedupe', options.dedupe],
    ['resume', options.resume],
    ['idempotency', { ...once, generate: once.generate ?? false }],
    ['retry', options.retry],
    ['breaker', options.breaker],
    ['timeout', { headers: headers ?? adaptiveHeaders }],
  ];
  return policies.filter(([name]) => options[name] !== false).map(([name, given]) => create[name](given as never));
}
