/**
 * Limits how many calls run at the same time, and how many start in a period. Placed inside `retry`, and outside the
 * `timeout` of an attempt, so that the wait in the queue does not count as a slow response.
 */
import type { Context, Middleware } from '../../core/context.ts';
import { LimitError, TimeoutError } from '../../core/errors.ts';
import {
  count,
  duration,
  fn,
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

export interface LimitOptions extends LimitOverride {
  /** Calls that run at the same time, or `aimd()` for a limit that is learned. @default no bound */
  readonly concurrency?: number | Aimd;
  /** Never more than `count` starts in any `window` ms. @default no bound */
  readonly rate?: { readonly count: number; readonly window: number };
}

/** The options that a call may override. The limits themselves are shared. */
export interface LimitOverride {
  /** Calls that may wait; the next one is refused. @default 1_000 */
  readonly queue?: number;
  /** Calls with the same key share the limit; `undefined` excludes a call. @default byOrigin */
  readonly key?: Key;
  /** The waiting call with the highest priority goes first; equal ones in the order of arrival. @default 0 for all */
  readonly priority?: (ctx: Context) => number;
}

export type LimitSnapshot = Readonly<Record<string, LimitState>>;
export type Limiter = Middleware & {
  /** The present state of every key. */
  snapshot(): LimitSnapshot;
};

export const limitOptions: PolicyOptions<Settings<LimitOptions, 'concurrency' | 'rate'>> =
  /* @__PURE__ */ policyOptions(
    'limit',
    {
      queue: [count, 1_000],
      key: [fn, byOrigin],
      priority: [fn, zero],
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
 */
export function limit(options: LimitOptions): Limiter {
  const own = limitOptions.parse(options);
  const states = lruMap(stateFactory(own), ({ permits }) => permits.isIdle);

  const policy: Middleware = async function limit(ctx, next) {
    const settings = limitOptions.forCall(ctx, own);
    const key = settings?.key(ctx);
    if (settings === undefined || key === undefined) return next();

    const { permits, concurrency } = states.get(key);
    if (!permits.tryAcquire()) {
      const priority = settings.priority(ctx);
      const ahead = permits.ahead(priority);
      const isLate = performance.now() + permits.delay(ahead) >= (ctx.deadline ?? Infinity);
      const reason = permits.waiting >= settings.queue ? 'queue' : isLate ? 'deadline' : undefined;
      if (reason !== undefined) {
        ctx.emit({ type: 'limit.rejected', key, reason });
        throw new LimitError(key, reason, { request: ctx });
      }
      ctx.emit({ type: 'limit.queued', key, ahead });
      await permits.acquire(priority, ctx.signal);
    }
    const permit = permitOf(permits);
    // An inner middleware or a transport that ignores the abort never settles.
    ctx.signal.addEventListener('abort', permit.release, { once: true });
    if (ctx.signal.aborted) permit.release();
    ctx.signal.throwIfAborted();

    const started = performance.now();
    const outcome = await settle(next());
    const { response, error } = outcome;
    if (isOverload(response?.status, ctx.signal.aborted ? ctx.signal.reason : error)) concurrency.overloaded(started);
    else if (response !== undefined) {
      concurrency.succeeded(permits.running);
      permits.wake();
    }
    if (response === undefined) permit.release();
    else {
      watchBody(response, permit);
      unread.register(permit, permit.release);
    }
    return unwrap(outcome);
  };

  const snapshot = (): LimitSnapshot =>
    Object.fromEntries(Array.from(states, ([key, { permits }]) => [key, permits.snapshot]));
  return Object.assign(policy, { snapshot });
}

/** An unread response is garbage-collected together with the watcher of its body: only this releases its permit. */
const unread = new FinalizationRegistry<() => void>((release) => release());

/** The permit of a call. Only the first release counts: an abort and the end of the body may both release it. */
function permitOf(permits: Semaphore) {
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    permits.release();
  };
  return { release, end: release };
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
