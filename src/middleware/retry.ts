/** Sends a request again after a failure. Placed inside the total `timeout` and outside the `timeout` of an attempt. */
import pRetry from 'p-retry';
import type { Context, Middleware, Next } from '../core/context.ts';
import { idempotentMethods, transientStatuses } from '../core/engine/http-constants.ts';
import { sleep } from '../core/engine/timers.ts';
import {
  array,
  asPolicy,
  count,
  delay,
  fn,
  methods,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../core/options.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import { budget, budgetOr, withBudget, type Budget } from '../lib/budget.ts';
import {
  discardOutcome,
  isTransient,
  notBefore,
  outcomeFacts,
  settle,
  settleThen,
  suggestedDelay,
  unwrap,
  unwrapNoted,
  type Outcome,
  type When,
} from '../lib/outcome.ts';
import { carriesKey, resendable, type Resendable } from '../lib/resend.ts';

/**
 * The options of `retry()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md#options
 */
export interface RetryOptions {
  /** Attempts after the first; 0 for none, `Infinity` for as many as deadline and budget allow. @default 3 */
  readonly retries?: number | undefined;
  /** The delay before a retry, ms. @default exponential(200, 10_000) */
  readonly backoff?: Backoff | undefined;
  /** Statuses after which a retry follows. @default [408, 429, 500, 502, 503, 504] */
  readonly statuses?: readonly number[] | undefined;
  /** Methods that are retried; any other method is retried only with an `Idempotency-Key`. @default the idempotent ones of RFC 9110 §9.2.2, and QUERY */
  readonly methods?: readonly string[] | undefined;
  /** The longest pause that a server may request, ms; after a longer one there is no retry. @default 60_000 */
  readonly maxRetryAfter?: number | undefined;
  /** Limits the retries of all calls together; `false` for no limit. @default budget() */
  readonly budget?: Budget | false | undefined;
  /** Whether a retry follows an outcome; replaces `statuses` and the built-in list of errors. */
  readonly when?: When | undefined;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
}

type Policy = Settings<RetryOptions, 'budget' | 'when'>;

export const retryOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions(
  'retry',
  {
    retries: [count, 3],
    backoff: [fn, /* @__PURE__ */ exponential(200, 10_000), delay],
    statuses: [array, transientStatuses],
    methods: [methods, idempotentMethods],
    maxRetryAfter: [delay, 60_000],
    budget: [budgetOr, undefined],
    when: [fn, undefined],
    random: [fn, () => Math.random()],
  },
  { scalar: 'retries' },
);

/**
 * Sends a request again after a network error, an attempt that timed out or a listed status. A programming error is
 * not retried unless `when` accepts it. A `Retry-After` of the response (RFC 9110 §10.2.3), `retry-after-ms` and the
 * rate-limit fields replace the backoff; dates in them are measured against the `Date` of the response. If the delay would
 * reach the deadline, there is no retry. If no retry follows, the last outcome is the result: a Response is returned, an
 * error is thrown unchanged.
 *
 * It does not wait for the body of a discarded response, and it does not repeat a stream that is being uploaded.
 *
 * Per call: `retry: n`, `retry: { ... }` or `retry: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [retry({ retries: 2, backoff: exponential(100, 2_000) })] });
 * const response = await fetch('https://api.example.com/users', { retry: 5 });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/retry.md
 */
export function retry(options: RetryOptions = {}): Middleware {
  const given = retryOptions.parse(options);
  const own: Policy = { ...given, budget: given.budget ?? budget() };

  const policy = withBudget(own.budget!, function retry(ctx, next) {
    const policy = retryOptions.forCall(ctx, own);
    if (policy === undefined || policy.retries === 0) return next();
    if (!policy.methods.includes(ctx.method) && !carriesKey(ctx)) return next();
    const copies = resendable(ctx) ?? sentOnce;
    if (policy.budget) policy.budget.deposit();

    return settleThen(next(), (first) => {
      if (isBad(first, ctx, policy)) return again(first, copies, policy, ctx, next);
      copies.close?.();
      return unwrap(first);
    });
  } satisfies Middleware);
  return asPolicy(options, policy);
}

/** A stream that is being uploaded: after a bad outcome there is nothing to send. */
const sentOnce: Resendable = { next: () => Promise.resolve(undefined) };

/** Sends the retries. p-retry counts them and asks for the next one after each that throws `bad`; all else happens here. */
async function again(first: Outcome, copies: Resendable, policy: Policy, ctx: Context, next: Next): Promise<Response> {
  let outcome = first;
  let thrown: { readonly error: unknown } | undefined;

  /** One retry. Resolves to `undefined` after a good outcome, or to the reason why nothing is sent. */
  const attempt = async (retry: number): Promise<Reason | undefined> => {
    const suggested = suggestedDelay(outcome, retry);
    const wait = suggested ?? policy.backoff(retry, policy.random);
    if (suggested !== undefined && suggested > policy.maxRetryAfter) return 'retry-after';
    if (ctx.deadline !== undefined && performance.now() + wait >= ctx.deadline) return 'deadline';
    // An inner breaker is open: the present outcome at once is better than the breaker's error after the delay.
    if (Date.now() + wait < (notBefore(outcome) ?? 0)) return 'breaker';
    const copy = await copies.next();
    if (copy === undefined) return 'body';
    if (policy.budget && !policy.budget.withdraw()) return 'budget';

    ctx.emit({ type: 'retry.scheduled', retry, delay: wait, ...outcomeFacts(outcome) });
    discardOutcome(outcome);
    outcome = await settle(sleep(wait, ctx.signal).then(() => next({ ...copy, attempt: ctx.attempt + retry })));
    if (isBad(outcome, ctx, policy)) throw bad;
    return undefined;
  };

  // p-retry replaces a rejection that is not an Error: it sees `bad` alone.
  const attemptOrStop = (retry: number): Promise<Reason | undefined> =>
    attempt(retry).catch((error: unknown) => {
      if (error === bad) throw bad;
      thrown = { error };
      return undefined;
    });

  const reason = await pRetry(attemptOrStop, {
    retries: policy.retries - 1, // the first of p-retry's attempts is the first retry already
    minTimeout: 0,
  })
    .catch((): Reason => 'retries')
    .finally(() => copies.close?.());
  if (thrown !== undefined) throw thrown.error;
  if (reason !== undefined && !ctx.aborted) {
    ctx.emit({ type: 'retry.abandoned', reason, ...outcomeFacts(outcome) });
  }
  return unwrapNoted(outcome, ctx);
}

/** Thrown by a retry whose outcome is bad. It never reaches a caller. */
const bad = /* @__PURE__ */ new Error('The outcome is bad');

type Reason = 'retries' | 'deadline' | 'breaker' | 'retry-after' | 'budget' | 'body';

/** After the call has aborted, no retry follows. */
function isBad(outcome: Outcome, ctx: Context, policy: Policy): boolean {
  if (ctx.aborted) return false;
  if (policy.when !== undefined) return policy.when(outcome, ctx);
  return outcome.response ? policy.statuses.includes(outcome.response.status) : isTransient(outcome.error);
}
