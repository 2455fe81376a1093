/** Sends a second copy of a request that is slow. Placed inside `retry` and outside the `timeout` of an attempt. */
import type { Context, Fork, Middleware } from '../../core/context.ts';
import { safeMethods } from '../../core/engine/http-constants.ts';
import {
  asPolicy,
  count,
  delay,
  fn,
  keyFn,
  methods,
  policyOptions,
  ratio,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import { attemptRace } from '../../lib/attempt-race.ts';
import { budget, budgetOr, type Budget } from '../../lib/budget.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { isNotGood, isTransient, unwrap, type Outcome, type When, unwrapNoted } from '../../lib/outcome.ts';
import { hasHttpCache } from '../../lib/platform.ts';
import { resendable } from '../../lib/resend.ts';
import { retryAfter } from '../../lib/header-times.ts';
import { copyPermit } from './copy-permit.ts';
import { hedgeDelay } from './hedge-delay.ts';

/**
 * The options of `hedge()`. Durations are in ms, ratios are in 0..1.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/hedge.md#options
 */
export interface HedgeOptions {
  /** The extra load that is accepted, requests per request, 0..1; the delay follows from it. @default 0.05 */
  readonly ratio?: number | undefined;
  /** Copies besides the original. @default 1 */
  readonly hedges?: number | undefined;
  /** The delay before each further copy, ms, in place of the learned one; 0 sends all copies at once. */
  readonly delay?: number | undefined;
  /** Methods of which two copies may run at a time. @default the safe ones of RFC 9110 §9.2.1, and QUERY */
  readonly methods?: readonly string[] | undefined;
  /** Limits the copies of all calls together; may be the budget of a `retry`; `false` for no limit. @default budget({ ratio: 1.25 * ratio, floor: 1 }) */
  readonly budget?: Budget | false | undefined;
  /** Calls with the same key share a history of latencies; a call whose key is `undefined` is not hedged. @default byRoute */
  readonly key?: Key | undefined;
  /** An outcome that does not win while another copy is running. @default errors, 408, 429 and everything from 500 on */
  readonly when?: When | undefined;
}

/** The delay keeps to the ratio; this leaves room for chance: a share of 0.02 of 1,000 calls has a standard error of 22 %. */
const chance = 1.25;
/** Copies a second in addition, ten in any ten seconds: the token bucket of the AWS S3 transfer manager. */
const reserve = 1;

type Policy = Settings<HedgeOptions, 'budget' | 'delay'>;

export const hedgeOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions(
  'hedge',
  {
    ratio: [ratio, 0.05],
    hedges: [count, 1],
    delay: [delay, undefined],
    methods: [methods, safeMethods],
    budget: [budgetOr, undefined],
    key: [keyFn, byRoute],
    when: [fn, isNotGood],
  },
  { scalar: 'ratio' },
);

/**
 * Sends a further copy once the call is slower than the `1 - ratio` quantile of its route's history (Dean and Barroso,
 * The Tail at Scale; Finagle's BackupRequestFilter), or at once when a copy failed and another copy may succeed. The
 * first good response wins and the other copies are aborted. If all copies fail, a response is returned rather than an
 * error, and the original's outcome rather than a copy's, unchanged.
 *
 * No copy is sent while the route has fewer than 20 samples, if the body cannot be sent twice, while the budget is
 * exhausted, and right after a response that requests a pause. If the program itself was blocked when the delay ended,
 * for example by a garbage collection, it first reads what is already in the socket.
 *
 * Per call: `hedge: ratio`, `hedge: { ... }` or `hedge: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [...standard(), hedge({ ratio: 0.02 })] });
 * const response = await fetch('https://api.example.com/users', { hedge: false });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/hedge.md
 */
export function hedge(options: HedgeOptions = {}): Middleware {
  const given = hedgeOptions.parse(options);
  const share = Math.min(1, chance * given.ratio);
  const own: Policy = { ...given, budget: given.budget ?? budget({ ratio: share, floor: reserve }) };

  return asPolicy(options, async function hedge(ctx, next) {
    const policy = hedgeOptions.forCall(ctx, own);
    if (policy === undefined || policy.hedges === 0 || !policy.methods.includes(ctx.method)) return next();
    const route = policy.delay === undefined ? hedgeDelay(ctx, policy) : undefined;
    const delay = policy.delay ?? route?.delay;
    if (policy.budget) policy.budget.deposit();
    const copies = delay === undefined ? undefined : resendable(ctx);
    const started = performance.now();
    const elapsed = (): number => performance.now() - started;

    if (delay === undefined || copies === undefined) {
      const response = await next();
      if (route !== undefined && !policy.when({ response }, ctx)) route.record(elapsed());
      return response;
    }

    const race = attemptRace(ctx.signal, (outcome) => policy.when(outcome, ctx));
    const permit = copyPermit(policy.budget, () => race.wake());
    let again: Fork | undefined;
    let suppressed: 'body' | 'budget' | 'retry-after' | undefined;
    let sent = 1;
    let slow = false;
    let wait = delay;
    try {
      race.start((signal) => next({ signal }));
      while (sent <= policy.hedges) {
        const failed = await race.failure(wait);
        if (race.isOver()) break;
        const isRunning = race.outcomes.includes(undefined);
        if (failed === undefined) slow = true;
        else if (failsEveryCopy(failed)) {
          if (!isRunning) break;
          wait = Infinity; // a further copy follows only another failure
          continue;
        } else if (asksForPause(failed)) {
          suppressed = 'retry-after';
          break;
        }
        again ??= await race.unlessOver(copies.next());
        if (race.isOver()) break;
        if (again === undefined) {
          suppressed = 'body';
          break;
        }
        if (!permit.take()) {
          suppressed = 'budget';
          if (!isRunning || !permit.isWaiting()) break;
          wait = Infinity; // the permit wakes the race
          continue;
        }
        const fork = { ...again, ...bypassCacheLock(ctx), attempt: ctx.attempt + sent };
        again = suppressed = undefined;
        sent += 1;
        wait = delay;
        ctx.emit({ type: 'hedge.launched', copy: sent, delay: elapsed() });
        race.start((signal) => next({ ...fork, signal }));
      }
      if (suppressed !== undefined) ctx.emit({ type: 'hedge.suppressed', reason: suppressed });
      const { outcome, copy, good } = await race.result();
      if (good && sent > 1) ctx.emit({ type: 'hedge.won', copy: copy + 1 });
      // If the delay never ran out, the response was in time, even if the program read it late.
      if (good && copy === 0) route?.record(slow ? elapsed() : Math.min(elapsed(), delay));
      return good ? unwrap(outcome) : unwrapNoted(outcome, ctx);
    } finally {
      permit.release();
      race.cancel();
      copies.close?.();
      // The original has no outcome: its latency is at least this.
      if (race.outcomes[0] === undefined && elapsed() > delay) route?.recordCensored(elapsed());
    }
  });
}

/** A programming error, or the refusal of an inner policy. */
function failsEveryCopy({ response, error }: Outcome): boolean {
  return response === undefined && !isTransient(error);
}

function asksForPause({ response }: Outcome): boolean {
  return response !== undefined && (response.status === 429 || (retryAfter(response) ?? 0) > 0);
}

/** In Chromium the copy would wait for the original. */
function bypassCacheLock({ init }: Context): Pick<Fork, 'init'> {
  return hasHttpCache() && init['cache'] === undefined ? { init: { cache: 'no-store' } } : {};
}
