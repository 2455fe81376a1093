/** Sends a request again when that may help. Stands inside the total `timeout`, outside the one of an attempt. */
import type { Context, Middleware, Next } from '../core/context.ts';
import { count, forCall, fn, array, delay, knownKeys } from '../core/options.ts';
import { idempotentMethods, transientStatuses } from '../core/engine/http.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import { discard } from '../lib/body/discard.ts';
import { budget, type Budget } from '../lib/budget.ts';
import { isReset } from '../lib/network-error.ts';
import {
  isTransient,
  notBefore,
  settleThen,
  settle,
  outcomeFacts,
  unwrap,
  type Outcome,
  type When,
} from '../lib/outcome.ts';
import { repeat } from '../lib/repeat.ts';
import { resendable, type Resendable } from '../lib/request/resend.ts';
import { retryAfter } from '../lib/retry-after.ts';
import { sleep } from '../core/engine/timers.ts';

export interface RetryOptions {
  /** Attempts after the first; 0 for none, `Infinity` for as long as deadline and budget allow. @default 3 */
  readonly retries?: number;
  /** ms before the nth retry. @default exponential(200, 10_000) */
  readonly backoff?: Backoff;
  /** Answers that are worth another attempt. @default [408, 429, 500, 502, 503, 504] */
  readonly statuses?: readonly number[];
  /** Sent again without further ado; any other method needs an `Idempotency-Key`. @default the idempotent ones of RFC 9110 §9.2.2, and QUERY */
  readonly methods?: readonly string[];
  /** The longest pause a server may ask for, ms; a longer one ends the retrying. @default 60_000 */
  readonly maxRetryAfter?: number;
  /** What all retries together may spend; `false` for no bound. @default budget() */
  readonly budget?: Budget | false;
  /** Judges an outcome in place of `statuses` and the built-in list of errors. */
  readonly when?: When;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: () => number;
}

/**
 * Network errors, limits of an attempt that ran out, and listed statuses only: a programming error is never
 * retried. Obeys `Retry-After` (RFC 9110 §10.2.3), `retry-after-ms` and the rate-limit fields. A pause that reaches
 * the deadline is not begun. The last outcome stands: a Response is returned, an error thrown as it was.
 *
 * Per call: `retry: n`, `retry: { ... }` or `retry: false`. Does not wait for discarded bodies, does not repeat a
 * stream that is being uploaded.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function retry(options: RetryOptions = {}): Middleware {
  const own = parse(options);

  return function retry(ctx, next) {
    const policy = forCall(ctx.options['retry'], own, (override: number | RetryOptions) =>
      parse({
        ...options,
        budget: own.budget ?? false,
        ...(typeof override === 'number' ? { retries: override } : override),
      }),
    );
    if (policy === undefined || policy.retries === 0 || !mayRepeat(ctx, policy)) return next();
    const copies = resendable(ctx);
    if (copies === undefined) return next();
    policy.budget?.deposit();

    return settleThen(next({ attempt: 1 }), (outcome) => {
      if (policy.when(outcome, ctx)) return again(outcome, copies, policy, ctx, next);
      copies.close();
      return unwrap(outcome);
    });
  };
}

async function again(
  first: Outcome,
  copies: Resendable,
  policy: Settings,
  ctx: Context,
  next: Next,
): Promise<Response> {
  let request: Request | undefined;
  let wait = 0;
  let stop: Stop | undefined;

  const attempt = async (attempt: number): Promise<Outcome> => {
    await sleep(wait, ctx.signal);
    return settle(next({ request, attempt }));
  };

  const mayRetry = async (outcome: Outcome, retry: number): Promise<boolean> => {
    if (ctx.aborted) return false;
    const asked = outcome.response && retryAfter(outcome.response);
    // A connection that was reset may just have been idle for too long: the first retry takes a fresh one at once.
    wait = asked ?? (retry === 1 && isReset(outcome.error) ? 0 : policy.backoff(retry, policy.random));
    if (asked !== undefined && asked > policy.maxRetryAfter) stop = 'retry-after';
    else if (ctx.deadline !== undefined && performance.now() + wait >= ctx.deadline) stop = 'deadline';
    // A breaker beneath is open: better the outcome that there is, now, than its refusal after a pause.
    else if (Date.now() + wait < (notBefore(outcome) ?? 0)) stop = 'breaker';
    else if ((request = await copies.next()) === undefined) stop = 'body';
    else if (policy.budget?.withdraw() === false) stop = 'budget';
    if (stop !== undefined) return false;
    ctx.emit({ type: 'retry.scheduled', retry, delay: wait, ...outcomeFacts(outcome) });
    if (outcome.response) discard(outcome.response);
    return true;
  };

  const isBad = (outcome: Outcome): boolean => policy.when(outcome, ctx);
  const { outcome, bad } = await repeat(first, { retries: policy.retries, attempt, isBad, mayRetry })
    .catch((error: unknown) => {
      ctx.signal.throwIfAborted(); // its own reason, also one that is no Error
      throw error;
    })
    .finally(() => copies.close());
  if (bad && !ctx.aborted) {
    ctx.emit({ type: 'retry.abandoned', reason: stop ?? 'retries', ...outcomeFacts(outcome) });
  }
  return unwrap(outcome);
}

const members = ['retries', 'backoff', 'statuses', 'methods', 'maxRetryAfter', 'budget', 'when', 'random'];

type Stop = 'deadline' | 'breaker' | 'retry-after' | 'budget' | 'body';
type Settings = ReturnType<typeof parse>;

function parse(options: RetryOptions) {
  knownKeys('retry', options, members);
  const statuses = new Set(array('retry statuses', options.statuses ?? transientStatuses));
  const byStatusAndError: When = ({ response, error }) =>
    response ? statuses.has(response.status) : isTransient(error);
  return {
    retries: count('retry retries', options.retries ?? 3),
    backoff: fn('retry backoff', options.backoff ?? exponential(200, 10_000)),
    methods: new Set(
      array('retry methods', options.methods ?? idempotentMethods).map((method) => method.toUpperCase()),
    ),
    maxRetryAfter: delay('retry maxRetryAfter', options.maxRetryAfter ?? 60_000),
    budget: options.budget === false ? undefined : (options.budget ?? budget()),
    when: fn('retry when', options.when ?? byStatusAndError),
    random: fn('retry random', options.random ?? Math.random),
  };
}

function mayRepeat(ctx: Context, { methods }: Settings): boolean {
  return methods.has(ctx.method) || ctx.header('idempotency-key') !== null;
}
