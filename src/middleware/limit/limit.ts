/**
 * Limits how many calls run at the same time, and how many start in a period. Placed inside `retry`, and outside the
 * `timeout` of an attempt, so that the wait in the queue does not count as a slow response.
 */
import { asPolicy } from '../../core/compose.ts';
import type { Context, Middleware } from '../../core/context.ts';
import { LimitError, TimeoutError } from '../../core/errors.ts';
import {
  count,
  duration,
  fn,
  keyFn,
  number,
  invalid,
  object,
  policyOptions,
  positive,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Aimd, Concurrency } from './aimd.ts';
import { watchBody } from '../../lib/body/watch.ts';
import { semaphore, type Semaphore, type LimitState } from './semaphore.ts';
import { lruMap } from '../../lib/lru.ts';
import { byOrigin, type Key } from '../../lib/keys.ts';
import { settle, unwrap } from '../../lib/outcome.ts';
import { slidingWindowLog } from './sliding-window-log.ts';

/**
 * The options of `limit()`: `concurrency`, `rate`, or both.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#options
 */
export interface LimitOptions extends LimitOverride {
  /** Calls that run at the same time, or `aimd()` for a limit that is learned. @default no bound */
  readonly concurrency?: number | Aimd | undefined;
  /** Never more than `count` starts in any `window` ms. @default no bound */
  readonly rate?: { readonly count: number; readonly window: number } | undefined;
}

/**
 * The options of `limit` that a call may override. The limits themselves are shared.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#options
 */
export interface LimitOverride {
  /** Calls that may wait; the next one is refused. @default 1_000 */
  readonly queue?: number | undefined;
  /** Calls with the same key share the limit; `undefined` excludes a call. @default byOrigin */
  readonly key?: Key | undefined;
  /** The waiting call with the highest priority goes first; equal ones in the order of arrival. @default 0 for all */
  readonly priority?: ((ctx: Context) => number) | undefined;
}

/**
 * The state of each key of a `limit()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export type LimitSnapshot = Readonly<Record<string, LimitState>>;
/**
 * The middleware that `limit()` returns, with the state of its queues.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export type Limiter = Middleware & {
  /** The present state of every key. */
  snapshot(): LimitSnapshot;
};

export const limitOptions: PolicyOptions<Settings<LimitOptions, 'concurrency' | 'rate'>> =
  /* @__PURE__ */ policyOptions(
    'limit',
    {
      queue: [count, 1_000],
      key: [keyFn, byOrigin],
      priority: [fn, zero, number],
      concurrency: [aimdOr, undefined, positive],
      rate: [object, undefined, { count: [positive], window: [duration] }],
    },
    { perCall: ['queue', 'key', 'priority'] },
  );

/**
 * A bulkhead and a rate limit. A call holds its permit until its body has been read, was cancelled or has failed, or
 * until the response has been garbage-collected unread. A call that is aborted while it waits leaves the queue at once.
 * A call that the rate cannot start before its deadline is refused at once. Of more than 1,000 keys the least recently
 * used ones are deleted, but never one with a running or waiting call or with a start in the window.
 *
 * It does not pace the starts: up to `count` calls may start at once.
 *
 * Per call: `limit: false`, or `limit: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `LimitError` (`LIMIT_EXCEEDED`) if the queue is full, or
 * if the deadline is too near.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [limit({ concurrency: 10, rate: { count: 100, window: 1_000 } })] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md
 */
export function limit(options: LimitOptions): Limiter {
  const own = limitOptions.parse(options);
  const states = lruMap(stateFactory(own), ({ permits }) => permits.isIdle);

  const policy: Middleware = async function limit(ctx, next) {
    const settings = limitOptions.forCall(ctx, own);
    const key = settings?.key(ctx);
    if (settings === undefined || key === undefined) return next();

    const { permits, concurrency } = states.get(key);
    let permit = permits.tryAcquire();
    if (permit === undefined) {
      const priority = settings.priority(ctx);
      const ahead = permits.ahead(priority);
      const isLate = performance.now() + permits.delay(ahead) >= (ctx.deadline ?? Infinity);
      const reason = permits.waiting >= settings.queue ? 'queue' : isLate ? 'deadline' : undefined;
      if (reason !== undefined) {
        ctx.emit({ type: 'limit.rejected', key, reason });
        throw new LimitError(key, reason, { request: ctx });
      }
      ctx.emit({ type: 'limit.queued', key, ahead });
      permit = await permits.acquire(priority, ctx.signal);
    }
    const { release } = permit;
    // An inner middleware or a transport that ignores the abort never settles.
    ctx.signal.addEventListener('abort', release, { once: true });
    if (ctx.signal.aborted) release();
    ctx.signal.throwIfAborted();

    const started = performance.now();
    const outcome = await settle(next());
    const { response, error } = outcome;
    if (isOverload(response?.status, ctx.signal.aborted ? ctx.signal.reason : error)) concurrency.overloaded(started);
    else if (response !== undefined) {
      concurrency.succeeded(permits.running);
      permits.wake();
    }
    if (response === undefined) release();
    else watchBody(response, { end: release, endsUnread: true });
    return unwrap(outcome);
  };

  const snapshot = (): LimitSnapshot =>
    Object.fromEntries(Array.from(states, ([key, { permits }]) => [key, permits.snapshot]));
  return Object.assign(asPolicy(options, policy), { snapshot });
}

/** What the calls of one key share. */
interface State {
  readonly permits: Semaphore;
  readonly concurrency: Concurrency;
}

function stateFactory({ concurrency, rate }: LimitOptions): () => State {
  if (concurrency === undefined && rate === undefined)
    throw invalid('limit', undefined, 'given concurrency, rate or both');
  return () => {
    const current: Concurrency =
      typeof concurrency === 'object'
        ? concurrency.create()
        : { limit: concurrency ?? Infinity, succeeded() {}, overloaded() {} };
    const starts = rate && rate.count < Infinity ? slidingWindowLog(rate.count, rate.window) : undefined;
    return { concurrency: current, permits: semaphore(current, starts) };
  };
}

function aimdOr(name: string, value: number | Aimd, check: typeof positive): number | Aimd {
  return typeof (value as Partial<Aimd> | null)?.create === 'function' ? value : check(name, value);
}

function zero(): number {
  return 0;
}

function isOverload(status: number | undefined, error: unknown): boolean {
  return status === 429 || status === 503 || error instanceof TimeoutError;
}
