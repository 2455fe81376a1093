/** Sends a second copy of a request that is slow to be answered. Stands inside `retry`, outside the `timeout` of an attempt. */
import type { Middleware } from '../../core/context.ts';
import { count, forCall, fn, array, delay, ratio, knownKeys } from '../../core/options.ts';
import { safeMethods } from '../../core/engine/http.ts';
import { budget, type Budget } from '../../lib/budget.ts';
import { attemptRace, type Run } from '../../lib/attempt-race.ts';
import { byRoute, type Key } from '../../lib/keys.ts';
import { isNotGood, isTransient, unwrap, type Outcome, type When } from '../../lib/outcome.ts';
import { derive } from '../../core/engine/derive.ts';
import { resendable } from '../../lib/request/resend.ts';
import { retryAfter } from '../../lib/retry-after.ts';
import { hedgeDelay } from './hedge-delay.ts';
import { after, type Timer } from '../../core/engine/timers.ts';

export interface HedgeOptions {
  /** The extra load that is accepted, requests per request; the delay follows from it. @default 0.05 */
  readonly ratio?: number;
  /** Copies besides the original. @default 1 */
  readonly hedges?: number;
  /** Before each further copy, ms, in place of what is learnt; 0 sends all at once. */
  readonly delay?: number;
  /** Of which there may be two at a time. @default the safe ones of RFC 9110 §9.2.1, and QUERY */
  readonly methods?: readonly string[];
  /** What all copies together may spend; may be that of a `retry`; `false` for no bound. @default budget({ ratio: 1.25 * ratio, floor: 1 }) */
  readonly budget?: Budget | false;
  /** Calls with the same key share a history; `undefined` leaves a call alone. @default byRoute */
  readonly key?: Key;
  /** An outcome that does not win while another copy is under way. @default errors, 408, 429 and everything from 500 on */
  readonly when?: When;
}

/** Node's timers come up to a millisecond late when nothing holds them up, ms. */
const punctual = 2;
/** The delay keeps to the ratio; this leaves room for chance: a share of 0.02 of 1,000 calls has a standard error of 22 %. */
const chance = 1.25;
/** Copies a second besides, ten in any ten: the token bucket of the AWS S3 transfer manager. */
const reserve = 1;

/**
 * A further copy follows once the call is slower than the `1 - ratio` quantile of its route's history (Dean and
 * Barroso, The Tail at Scale; Finagle's BackupRequestFilter), or at once when the copy before it failed in a way that
 * another may mend. The first good answer wins and the others are aborted. If all fail, an answer stands over an error,
 * the original over a copy, as they were. No copies before there are 20 samples, none of a body that cannot be sent
 * twice, none beyond the budget, and none at once after an answer that asks for a pause.
 *
 * An answer that was there when the wait was over counts as one in time, though a pause of the program itself, such as
 * a garbage collection, kept it from being heard: no copy would have mended that.
 *
 * Per call: `hedge: ratio`, `hedge: { ... }` or `hedge: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function hedge(options: HedgeOptions = {}): Middleware {
  const own = parse(options);

  return async function hedge(ctx, next) {
    const policy = forCall(ctx.options['hedge'], own, (override: number | HedgeOptions) =>
      parse({
        ...options,
        budget: own.budget ?? false,
        ...(typeof override === 'number' ? { ratio: override } : override),
      }),
    );
    if (policy === undefined || policy.hedges === 0 || !policy.methods.has(ctx.method)) return next();
    const route = policy.delay === undefined ? hedgeDelay(ctx, policy) : undefined;
    const delay = policy.delay ?? route?.delay;
    policy.budget?.deposit();
    const copies = delay === undefined ? undefined : resendable(ctx);
    const started = performance.now();
    const elapsed = (): number => performance.now() - started;
    const isBad = (outcome: Outcome): boolean => policy.when(outcome, ctx);

    if (delay === undefined || copies === undefined) {
      const response = await next();
      if (route !== undefined && !isBad({ response })) route.answered(elapsed());
      return response;
    }

    let left = policy.hedges;
    let copy = 1;
    let timer: Timer;
    let slow = false;
    const schedule = (): void => {
      const due = elapsed() + delay;
      const wake = (): void => {
        // After a pause of the program itself, the answer may have come and only not been heard of.
        if (elapsed() - due > punctual) timer = after(0, contest.extend);
        else contest.extend();
      };
      if (left > 0) timer = after(delay, wake);
    };
    const suppress = (reason: 'body' | 'budget' | 'retry-after'): undefined => {
      left = 0;
      ctx.emit({ type: 'hedge.suppressed', reason });
    };
    const more = async (failed?: Outcome): Promise<Run | undefined> => {
      clearTimeout(timer);
      slow ||= failed === undefined;
      // A programming error, or the refusal of a policy beneath, befalls every copy alike.
      if (left === 0 || (failed && failed.response === undefined && !isTransient(failed.error))) return undefined;
      const answer = failed?.response;
      if (answer?.status === 429 || (answer && retryAfter(answer))) return suppress('retry-after');
      const request = await copies.next();
      if (contest.over) return undefined;
      if (request === undefined) return suppress('body');
      if (policy.budget?.withdraw() === false) return suppress('budget');
      left -= 1;
      copy += 1;
      ctx.emit({ type: 'hedge.launched', copy, delay: elapsed() });
      schedule();
      const attempt = ctx.attempt + copy - 1;
      return (signal) => next({ request: pastCacheLock(request), signal, attempt });
    };
    const contest = attemptRace(ctx.signal, { isBad, more });

    let answered = false;
    let waiting = true;
    try {
      contest.start((signal) => next({ signal }));
      schedule();
      const { outcome, copy: winner, good, outcomes } = await contest.result;
      waiting = outcomes[0] === undefined;
      answered = good && winner === 0;
      if (good && copy > 1) ctx.emit({ type: 'hedge.won', copy: winner + 1 });
      return unwrap(outcome);
    } finally {
      clearTimeout(timer);
      copies.close();
      if (answered) route?.answered(slow ? elapsed() : Math.min(elapsed(), delay));
      else if (waiting && elapsed() > delay) route?.censored(elapsed());
    }
  };
}

const members = ['ratio', 'hedges', 'delay', 'methods', 'budget', 'key', 'when'];

function parse(options: HedgeOptions) {
  knownKeys('hedge', options, members);
  const share = ratio('hedge ratio', options.ratio ?? 0.05);
  return {
    ratio: share,
    hedges: count('hedge hedges', options.hedges ?? 1),
    delay: options.delay === undefined ? undefined : delay('hedge delay', options.delay),
    methods: new Set(array('hedge methods', options.methods ?? safeMethods).map((method) => method.toUpperCase())),
    budget: (options.budget ?? budget({ ratio: Math.min(1, chance * share), floor: reserve })) || undefined,
    key: fn('hedge key', options.key ?? byRoute),
    when: fn('hedge when', options.when ?? isNotGood),
  };
}

/**
 * Chromium holds back a second GET of a URL, for up to 20 s, until the first one's headers have told whether it may be
 * answered from the HTTP cache; `no-store` goes past that lock. Elsewhere there is no such cache, and the mode would
 * only send `Cache-Control: no-cache` along.
 */
function pastCacheLock(request: Request): Request {
  const inBrowser = typeof document !== 'undefined' || 'WorkerGlobalScope' in globalThis;
  return inBrowser && request.cache === 'default' ? derive(request, { cache: 'no-store' }) : request;
}
