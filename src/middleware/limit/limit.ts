/**
 * Limits how many calls run at the same time, and how many start in a period. Placed inside `retry`, and outside the
 * `timeout` of an attempt, so that the wait in the queue does not count as a slow response.
 */
import type { Context, Middleware } from '../../core/context.ts';
import { LimitError, TimeoutError } from '../../core/errors.ts';
import type { Across, Slots } from '../../core/shared-limits.ts';
import {
  asPolicy,
  count,
  fn,
  invalid,
  keyFn,
  number,
  policyOptions,
  positive,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Aimd, Concurrency } from './aimd.ts';
import { watchAbandoned } from '../../lib/abandoned-work.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { watchBody } from '../../lib/body/watch.ts';
import { quotaProblem, type Quota } from './quota-problem.ts';
import { costsOf, rates, rateShape, ratesOf, settleRates, type Announced, type KeyRate, type Rate } from './rates.ts';
import { semaphore, type Costs, type Permit, type Semaphore, type LimitState } from './semaphore.ts';
import { lruMap } from '../../lib/lru.ts';
import { byOrigin, type Key } from '../../lib/keys.ts';
import { noop } from '../../lib/noop.ts';
import { settle, unwrap } from '../../lib/outcome.ts';

/**
 * The options of `limit()`: `concurrency`, `rate`, or both.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/limit.md#options
 */
export interface LimitOptions extends LimitOverride {
  /** Calls that run at the same time, or `aimd()` for a limit that is learned. @default no bound */
  readonly concurrency?: number | Aimd | undefined;
  /**
   * Never more than `count` starts in any `window` ms; or `announced()`, the rate that the responses tell; or a list of
   * rates, all of which must allow a start. @default no bound
   */
  readonly rate?: Rate | Announced | readonly (Rate | Announced)[] | undefined;
  /**
   * `shared(client)` of `kyoa/redis` or `shared(storage)` of `kyoa/file`: the limits are those of all processes together.
   * @default this process alone
   */
  readonly across?: Across | undefined;
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

export const limitOptions: PolicyOptions<Settings<LimitOptions, 'concurrency' | 'rate' | 'across'>> =
  /* @__PURE__ */ policyOptions(
    'limit',
    {
      queue: [count, 1_000],
      key: [keyFn, byOrigin],
      priority: [fn, zero, number],
      concurrency: [aimdOr, undefined, positive],
      rate: [rates as never, undefined, rateShape],
      across: [across, undefined],
    },
    { perCall: ['queue', 'key', 'priority'] },
  );

/**
 * A bulkhead and a rate limit. A call holds its permit until its body has been read, was cancelled or has failed, or
 * until the response has been garbage-collected unread. A call that is aborted while it waits leaves the queue at once.
 * A call that the rate cannot start before its deadline is refused at once. Of more than 1,000 keys the least recently
 * used ones are deleted, but never one with a running or waiting call or with a start in the window.
 *
 * It does not pace the starts: up to `count` calls may start at once. With `across` the starts are paced.
 *
 * In a handler, a request that is refused gets a 429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`. A request whose
 * client has left holds its permit until the handler has responded or failed, for a minute at most.
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

    const state = states.get(key);
    const { permits, slots, rates } = state;
    const costs = costsOf(rates, ctx);
    const permit = permits.tryAcquire(costs) ?? (await queued(ctx, settings, key, state, costs));
    if (typeof permit === 'string') {
      ctx.emit({ type: 'limit.rejected', key, reason: permit });
      if (ctx.side === 'client') throw new LimitError(key, permit, { request: ctx });
      return quotaProblem(quotasOf(state, costs));
    }
    const fault = slots.fault ?? rates.find(({ starts }) => starts.fault !== undefined)?.starts.fault;
    if (fault !== undefined) ctx.emit({ type: 'limit.local', key, error: fault });
    const { release } = permit;
    if (ctx.signal.aborted) release();
    ctx.signal.throwIfAborted();
    const workIsOver = releaseLater(ctx, release);

    const started = performance.now();
    const outcome = await settle(next());
    workIsOver();
    const { response, error } = outcome;
    if (response !== undefined) settleRates(rates, permit, response);
    if (isOverload(response?.status, ctx.signal.aborted ? ctx.signal.reason : error)) slots.overloaded(started);
    else if (response !== undefined) {
      slots.succeeded(permits.running);
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

/** Returns a function for the end of the work, after which the body alone holds the permit. */
function releaseLater(ctx: Context, release: () => void): () => void {
  // The server goes on. A request of Workers runs no more code after its client has left.
  if (ctx.side === 'server' && !isRequestBound()) return watchAbandoned(ctx, release);
  // An inner middleware or a transport that ignores the abort never settles.
  ctx.signal.addEventListener('abort', release, { once: true });
  return noop;
}

type Policy = ReturnType<typeof limitOptions.parse>;

/** Waits for the turn of the call. Resolves to its permit, or to why it is refused. */
async function queued(
  ctx: Context,
  settings: Policy,
  key: string,
  { permits }: State,
  costs: Costs,
): Promise<Permit | 'queue' | 'deadline'> {
  const priority = settings.priority(ctx);
  const { deadline = Infinity } = ctx;
  const ahead = permits.ahead(priority);
  if (permits.waiting >= settings.queue) return 'queue';
  if (deadline < Infinity && performance.now() + Math.max(...permits.delays(costs, ahead)) >= deadline)
    return 'deadline';
  ctx.emit({ type: 'limit.queued', key, ahead });
  return (await permits.acquire({ costs, priority, deadline }, ctx.signal)) ?? 'deadline';
}

/** What the calls of one key share. */
interface State {
  readonly permits: Semaphore;
  readonly slots: Concurrency & Slots;
  readonly rates: readonly KeyRate[];
}

function stateFactory({ concurrency, rate, across }: Policy): (key: string) => State {
  if (concurrency === undefined && rate === undefined)
    throw invalid('limit', undefined, 'given concurrency, rate or both');
  if (across !== undefined && typeof concurrency === 'object')
    throw invalid(
      'limit concurrency',
      concurrency,
      'a number together with across, as each process learns its own limit',
    );
  return (key) => {
    const wake = (): void => permits.review();
    const slots = slotsOf(concurrency, across, key, wake);
    const list = ratesOf((rate ?? []) as ReturnType<typeof rates>, across, key, wake);
    const permits = semaphore(
      slots,
      list.map(({ starts }) => starts),
    );
    return { slots, permits, rates: list };
  };
}

function slotsOf(
  concurrency: number | Aimd | undefined,
  across: Across | undefined,
  key: string,
  wake: () => void,
): State['slots'] {
  if (typeof concurrency === 'object') return concurrency.create();
  const isShared = across !== undefined && concurrency !== undefined && concurrency < Infinity;
  const slots: Slots = isShared
    ? across.concurrency({ key, wake, count: concurrency })
    : { limit: concurrency ?? Infinity };
  return Object.assign(slots, { succeeded: noop, overloaded: noop });
}

/** The limits of a key, as the response to a refused request names them. */
function quotasOf({ permits, slots, rates }: State, costs: Costs): readonly Quota[] {
  const delays = permits.delays(costs, permits.waiting);
  const ofRates = rates.flatMap(({ count, window }, index): Quota[] => {
    if (count === undefined) return [];
    return [{ name: index === 0 ? 'rate' : `rate-${index + 1}`, count, window, delay: delays[index]! }];
  });
  const { limit: count } = slots;
  return count === Infinity ? ofRates : [...ofRates, { name: 'concurrency', count, delay: 0 }];
}

function across(name: string, value: Across): Across {
  if (typeof (value as Partial<Across> | null)?.rate === 'function') return value;
  throw invalid(name, value, "shared(client) of 'kyoa/redis', or shared(storage) of 'kyoa/file'");
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
