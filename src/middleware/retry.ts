/** Sends a request again when that may help. Stands inside the total `timeout`, outside the one of an attempt. */
import pRetry from 'p-retry';
import type { Context, Middleware, Next } from '../core/context.ts';
import { count, forCall, func, list, pause, record } from '../core/options.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import { discard } from '../lib/discard.ts';
import { budget, type Budget } from '../lib/budget.ts';
import { isReset } from '../lib/network-error.ts';
import { isTransient, settle, told, unwrap, type Outcome, type When } from '../lib/outcome.ts';
import { replay, type Replay } from '../lib/replay.ts';
import { refusedUntil } from '../lib/refusal.ts';
import { retryAfter } from '../lib/retry-after.ts';
import { sleep } from '../lib/timer.ts';

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

  return async function retry(ctx, next) {
    const policy = forCall(ctx.options['retry'], own, (override: number | RetryOptions) =>
      parse({
        ...options,
        budget: own.budget ?? false,
        ...(typeof override === 'number' ? { retries: override } : override),
      }),
    );
    if (policy === undefined || policy.retries === 0 || !mayRepeat(ctx.request, policy)) return next();
    const copies = replay(ctx.request, () => ctx.signal);
    if (copies === undefined) return next();
    policy.budget?.deposit();

    try {
      const outcome = await settle(next({ request: copies.first, attempt: 1 }));
      return policy.when(outcome, ctx) ? await repeat(outcome, copies, policy, ctx, next) : unwrap(outcome);
    } finally {
      copies.close();
    }
  };
}

/** p-retry runs the loop, entered once there is something to repeat: its first attempt is the one that was made. */
async function repeat(first: Outcome, copies: Replay, policy: Settings, ctx: Context, next: Next): Promise<Response> {
  let request: Request | undefined;
  let wait = 0;
  let stop: Stop | undefined;

  const attempt = async (attempt: number): Promise<Outcome> => {
    if (attempt === 1) throw new Again(first);
    await sleep(wait, ctx.signal);
    const outcome = await settle(next({ request, attempt }));
    if (policy.when(outcome, ctx)) throw new Again(outcome);
    return outcome;
  };

  const shouldRetry = async ({
    error,
    attemptNumber: retry,
  }: {
    error: Error;
    attemptNumber: number;
  }): Promise<boolean> => {
    if (!(error instanceof Again) || ctx.signal.aborted) return false;
    const { outcome } = error;
    const asked = outcome.response && retryAfter(outcome.response);
    // A connection that was reset may just have been idle for too long: the first retry takes a fresh one at once.
    wait = asked ?? (retry === 1 && isReset(outcome.error) ? 0 : policy.backoff(retry, policy.random));
    if (asked !== undefined && asked > policy.maxRetryAfter) stop = 'retry-after';
    else if (ctx.deadline !== undefined && performance.now() + wait >= ctx.deadline) stop = 'deadline';
    // A breaker beneath is open: better the outcome that there is, now, than its refusal after a pause.
    else if (Date.now() + wait < (refusedUntil(outcome) ?? 0)) stop = 'breaker';
    else if ((request = await copies.again()) === undefined) stop = 'body';
    else if (policy.budget?.withdraw() === false) stop = 'budget';
    if (stop !== undefined) return false;
    ctx.emit({ type: 'retry.scheduled', retry, delay: wait, ...told(outcome) });
    if (outcome.response) discard(outcome.response);
    return true;
  };

  try {
    // The pauses are ours: it can neither be told each of them nor interrupt one. Nor is it told the signal: it would drop an answer that comes after the abort, unread and not cancelled.
    return unwrap(await pRetry(attempt, { retries: policy.retries, minTimeout: 0, shouldRetry }));
  } catch (error) {
    if (!(error instanceof Again)) {
      ctx.signal.throwIfAborted(); // its own reason, also one that is no Error
      throw error;
    }
    if (!ctx.signal.aborted) ctx.emit({ type: 'retry.abandoned', reason: stop ?? 'retries', ...told(error.outcome) });
    return unwrap(error.outcome);
  }
}

/** Safe and idempotent methods of RFC 9110 §9.2, and QUERY, which is both. */
const idempotentMethods = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'];
const transientStatuses = [408, 429, 500, 502, 503, 504];
const members = ['retries', 'backoff', 'statuses', 'methods', 'maxRetryAfter', 'budget', 'when', 'random'];

type Stop = 'deadline' | 'breaker' | 'retry-after' | 'budget' | 'body';
type Settings = ReturnType<typeof parse>;

/** An outcome on its way through p-retry, which goes by what is thrown and never repeats a bare TypeError. */
class Again extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('The outcome is worth another attempt');
    this.outcome = outcome;
  }
}

function parse(options: RetryOptions) {
  record('retry', options, members);
  const statuses = new Set(list('retry statuses', options.statuses ?? transientStatuses));
  const byStatusAndError: When = ({ response, error }) =>
    response ? statuses.has(response.status) : isTransient(error);
  return {
    retries: count('retry retries', options.retries ?? 3),
    backoff: func('retry backoff', options.backoff ?? exponential(200, 10_000)),
    methods: new Set(list('retry methods', options.methods ?? idempotentMethods).map((method) => method.toUpperCase())),
    maxRetryAfter: pause('retry maxRetryAfter', options.maxRetryAfter ?? 60_000),
    budget: options.budget === false ? undefined : (options.budget ?? budget()),
    when: func('retry when', options.when ?? byStatusAndError),
    random: func('retry random', options.random ?? Math.random),
  };
}

function mayRepeat({ method, headers }: Request, { methods }: Settings): boolean {
  return methods.has(method) || headers.has('idempotency-key');
}
