/** Bounds calls under way, and starts within a time. Stands inside `retry`, outside the `timeout` of an attempt: a wait is no slow answer. */
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
  /** Calls under way at a time, or `aimd()` for a number that is learnt. @default no bound */
  readonly concurrency?: number | Aimd;
  /** Never more than `count` starts in any `window` ms. @default no bound */
  readonly rate?: { readonly count: number; readonly window: number };
}

/** What a call may decide for itself; the rest belongs to the gate that it shares. */
export interface LimitOverride {
  /** Calls that may wait; one more is refused. @default 1_000 */
  readonly queue?: number;
  /** Calls with the same key share the limit; `undefined` leaves a call alone. @default byOrigin */
  readonly key?: Key;
  /** Of those who wait, the highest goes first; among equals, whoever came first. @default 0 for all */
  readonly priority?: (ctx: Context) => number;
}

export type LimitSnapshot = Readonly<Record<string, LimitState>>;
export type Limiter = Middleware & {
  /** Every key as it stands. */
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
 * A bulkhead and a rate limit. A call holds its place until its body is read, cancelled or failed, or has been
 * abandoned to the garbage collector. Who aborts while waiting leaves the queue at once. A call whose turn by the rate
 * cannot come before its deadline is refused at once. Keys are forgotten when nothing of them is left to bound.
 *
 * Per call: `limit: false`, or `limit: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `LimitError` (`LIMIT_EXCEEDED`) when the queue is full,
 * or the deadline too near.
 */
export function limit(options: LimitOptions): Limiter {
  const own = limitOptions.parse(options);
  const doors = lruMap(bounds(own), ({ gate }) => gate.isIdle);

  async function limit(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    const policy = limitOptions.forCall(ctx, own);
    const key = policy?.key(ctx);
    if (policy === undefined || key === undefined) return next();

    const { gate, places } = doors.get(key);
    if (!gate.tryAcquire()) {
      const priority = policy.priority(ctx);
      const ahead = gate.ahead(priority);
      const isLate = performance.now() + gate.delay(ahead) >= (ctx.deadline ?? Infinity);
      const reason = gate.waiting >= policy.queue ? 'queue' : isLate ? 'deadline' : undefined;
      if (reason !== undefined) {
        ctx.emit({ type: 'limit.rejected', key, reason });
        throw new LimitError(key, reason, { request: ctx.request });
      }
      ctx.emit({ type: 'limit.queued', key, ahead });
      await gate.acquire(priority, ctx.signal);
    }
    const permit = permitOf(gate);
    ctx.signal.addEventListener('abort', permit.release, { once: true }); // what is beneath may never hear of it
    if (ctx.signal.aborted) permit.release();
    ctx.signal.throwIfAborted();

    const started = performance.now();
    const outcome = await settle(next());
    const { response, error } = outcome;
    if (isOverload(response?.status, ctx.signal.aborted ? ctx.signal.reason : error)) places.overloaded(started);
    else if (response !== undefined) {
      places.answered(gate.running);
      gate.wake();
    }
    if (response === undefined) permit.release();
    else {
      watchBody(response, permit);
      abandoned.register(permit, permit.release);
    }
    return unwrap(outcome);
  }

  return Object.assign(limit, {
    snapshot: () => Object.fromEntries(Array.from(doors, ([key, { gate }]) => [key, gate.snapshot])),
  });
}

/** The watcher of a body that nobody can read any more is collected with it. */
const abandoned = new FinalizationRegistry<() => void>((release) => release());

/** Is given back once, by whatever comes first. */
function permitOf(gate: Semaphore) {
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    gate.release();
  };
  return { release, end: release };
}

function bounds({ concurrency, rate }: LimitOptions): () => { readonly gate: Semaphore; readonly places: Concurrency } {
  if (concurrency === undefined && rate === undefined)
    throw invalid('limit', undefined, 'given concurrency, rate or both');
  return () => {
    const places =
      typeof concurrency === 'object'
        ? concurrency.create()
        : { limit: concurrency ?? Infinity, answered() {}, overloaded() {} };
    const starts = rate && rate.count < Infinity ? slidingWindowLog(rate.count, rate.window) : undefined;
    return { places, gate: semaphore(places, starts) };
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
