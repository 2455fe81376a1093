/** Limits how long a call may take. Outside `retry` it limits the whole call, inside `retry` each attempt. */
import pTimeout from 'p-timeout';
import type { Context, Middleware } from '../../core/context.ts';
import { LazyAbortController } from '../../core/engine/lazy-abort.ts';
import { LimitTimer, type Rest } from '../../core/engine/timers.ts';
import { TimeoutError } from '../../core/errors.ts';
import { asPolicy, duration, fn, policyOptions, type PolicyOptions } from '../../core/options.ts';
import { noteAttempts } from '../../lib/attempt-notes.ts';
import { discard } from '../../lib/body/discard.ts';
import { isEventStream, watchBody, type BodyWatcher } from '../../lib/body/watch.ts';
import { noop } from '../../lib/noop.ts';
import type { Adaptive } from './adaptive.ts';
import { idleTimer, type Wait } from './idle-timer.ts';

/**
 * A limit of `timeout()`: ms, or learned from history. A limit that is absent, `false` or `Infinity` does not apply.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/timeout.md#options
 */
export type Limit = number | Adaptive | false;

/**
 * The options of `timeout()`. Each limit is in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/timeout.md#options
 */
export interface TimeoutOptions {
  /** To the last byte of the body. A `text/event-stream` has no expected end: there it runs to the headers only. */
  readonly total?: Limit | undefined;
  /** Until the inner middleware resolves to a response: its headers are there. */
  readonly headers?: Limit | undefined;
  /** The longest silence of the server while the body is being read, the wait for the first chunk included. */
  readonly idle?: Limit | undefined;
  /** Whether a chunk ends the silence. A comment that only keeps an event stream open need not. @default every chunk does */
  readonly isProgress?: ((chunk: Uint8Array) => boolean) | undefined;
}

export const timeoutOptions: PolicyOptions<Partial<Limits>> = /* @__PURE__ */ policyOptions(
  'timeout',
  {
    total: [toLimit, undefined, duration],
    headers: [toLimit, undefined, duration],
    idle: [toLimit, undefined, duration],
    isProgress: [fn, undefined],
  },
  { scalar: 'total' },
);

/**
 * Limits how long a call may take: `timeout(5_000)` is `timeout({ total: 5_000 })`. The call rejects on time even if no
 * inner middleware and no transport reacts to the abort. The request is aborted, and a response that comes too late is
 * discarded. Of nested limits the earlier one applies; inner middleware reads it as `ctx.deadline`.
 *
 * Per call: `timeout: ms`, `timeout: { ... }` or `timeout: false`. If the stack has several instances, each limit of an
 * override applies to the instances that have this limit; a limit that no instance has applies to the innermost one.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `TimeoutError` (`TIMEOUT`), which has the phase, the limit
 * and the time elapsed. After the headers, reading the body rejects with it.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [timeout({ total: 30_000, idle: 5_000 }), retry(), timeout({ headers: adaptive() })] });
 * const response = await fetch('https://api.example.com/users', { timeout: 3_000 });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/timeout.md
 */
export function timeout(options: number | TimeoutOptions): Middleware {
  const own: Limits = { ...none, ...parse(options) };

  const self: Instance = Object.assign(
    function timeout(ctx, next) {
      const limits = limitsFor(ctx, self);
      if (limits === none) return next();
      return new Promise((resolve, reject) => {
        const call = new LimitedCall(ctx, limits, reject);
        call.limit(next({ signal: call.work, deadline: call.deadline }), resolve);
      });
    } satisfies Middleware,
    { limits: own },
  );
  return asPolicy(options, self);
}

/** A call under its limits. A class, because closures would allocate 0.6 kB more per call. */
class LimitedCall implements BodyWatcher {
  /** Aborts what is inside the limits. */
  readonly work = new LazyAbortController();
  /** When the headers must have arrived, ms on the clock of `performance.now()`. */
  readonly deadline: number | undefined;
  readonly #ctx: Context;
  readonly #total: Wait;
  readonly #headers: Wait;
  readonly #idle: Wait;
  readonly #isProgress: Limits['isProgress'];
  readonly #started = performance.now();
  #totalTimer: LimitTimer | undefined;
  #headersTimer: LimitTimer | undefined;
  /** Rejects what the caller waits for: the response, and after the headers each read of the body. */
  #reject: (error: unknown) => void;
  #failed = false;
  /** Ends the race of `total` in its last millisecond. */
  #onEnd: (() => void) | undefined;

  constructor(ctx: Context, { total, headers, idle, isProgress }: Limits, reject: (error: unknown) => void) {
    this.#ctx = ctx;
    this.#total = typeof total === 'number' ? { limit: total } : total.measure(ctx, 'total');
    this.#headers = typeof headers === 'number' ? { limit: headers } : headers.measure(ctx, 'headers');
    this.#idle = typeof idle === 'number' ? { limit: idle } : idle.measure(ctx, 'idle');
    this.#isProgress = isProgress;
    this.#reject = reject;
    ctx.onAbort((reason) => this.#abort(reason));
    const own = this.#started + Math.min(this.#total.limit, this.#headers.limit);
    this.deadline = own === Infinity ? ctx.deadline : Math.min(ctx.deadline ?? Infinity, own);
  }

  /** Resolves with the response, unless a limit or an abort comes first: then a response that still comes is discarded. */
  limit(response: Promise<Response>, resolve: (response: Response) => void): void {
    const fail = this.#fail.bind(this);
    response.then((response) => {
      if (this.#failed) return discard(response);
      try {
        this.#limitBody(response);
        resolve(response);
      } catch (error) {
        fail(error);
      }
    }, fail);
    if (this.#failed) return; // it was aborted already
    const { limit } = this.#total;
    if (limit < Infinity) this.#totalTimer = this.#timer('total', this.#total);
    if (this.#headers.limit < limit) this.#headersTimer = this.#timer('headers', this.#headers, response);
  }

  /**
   * p-timeout races the wait for the last millisecond only. It assigns a function to a property of its promise, V8 makes
   * such a function in the old space, and there it keeps the whole call alive until a full collection. A timer that runs
   * on after the headers must not hold the Response, which a caller may drop unread: `total` waits for `end`.
   */
  #timer(phase: Phase, limited: Wait, response?: Promise<Response>): LimitTimer {
    const last = (milliseconds: Rest): undefined => {
      const fallback = (): void => this.#expire(phase, limited);
      const { signal } = this.#ctx;
      if (milliseconds === undefined) {
        new Promise<void>((resolve) => resolve(fallback())).catch((error: unknown) => this.#fail(error));
        return;
      }
      const wait: Promise<unknown> = response ?? new Promise<void>((resolve) => (this.#onEnd = resolve));
      pTimeout(wait, { milliseconds, signal, fallback }).catch((error: unknown) => this.#fail(error));
    };
    return new LimitTimer(limited.limit, last, response && limited.limit);
  }

  #limitBody(response: Response): void {
    this.#headersTimer?.cancel();
    this.#headers.finished?.(this.#elapsed());
    let total = Infinity;
    if (this.#totalTimer === undefined || isEventStream(response)) {
      this.#endTotal();
      this.#reject = noop;
    } else {
      this.#reject = watchBody(response, this);
      this.#totalTimer.unref();
      total = this.#total.limit;
    }
    if (this.#idle.limit < total) this.#limitSilence(response); // otherwise `total` expires first
  }

  /** A process waits for a body that is being read, and not for one that may never be. */
  wait(): void {
    this.#totalTimer?.ref();
  }

  served(): void {
    this.#totalTimer?.unref();
  }

  /** The body has ended. */
  end(complete: boolean): void {
    this.#endTotal();
    if (complete) this.#total.finished?.(this.#elapsed());
    else this.work.abort(); // `total` would have closed the connection of a body that was dropped
  }

  #endTotal(): void {
    this.#totalTimer?.cancel();
    this.#onEnd?.();
  }

  #limitSilence(response: Response): void {
    const silence = this.#idle;
    const onExpired = (): void => this.#expire('idle', silence);
    this.#reject = watchBody(response, idleTimer({ silence, isProgress: this.#isProgress, onExpired }));
  }

  #expire(phase: Phase, limited: Wait): void {
    const facts = { phase, limit: limited.limit, elapsed: this.#elapsed() };
    const error = new TimeoutError(facts, { request: this.#ctx });
    if (phase !== 'headers') noteAttempts(error, this.#ctx); // of an attempt's limit, `retry` does it after the last one
    limited.expired?.();
    this.#ctx.emit({ type: 'timeout.exceeded', ...facts, ...(limited.isLearned && { learned: true }) });
    this.#abort(error);
  }

  #abort(reason: unknown): void {
    this.work.abort(reason);
    this.#fail(reason);
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#endTotal();
    this.#headersTimer?.cancel();
    this.#reject(error);
  }

  /** ms since the call began. */
  #elapsed(): number {
    return performance.now() - this.#started;
  }
}

type Phase = 'total' | 'headers' | 'idle';
type Limits = Readonly<Record<Phase, number | Adaptive>> & Pick<TimeoutOptions, 'isProgress'>;

/** Its limits are readable, so that a per-call override finds the instances that have a limit. */
type Instance = Middleware & { readonly limits: Limits };

const none: Limits = { total: Infinity, headers: Infinity, idle: Infinity };

function parse(given: number | TimeoutOptions): Partial<Limits> {
  return timeoutOptions.parse(typeof given === 'object' || given === undefined ? given : { total: given });
}

function toLimit(name: string, value: Limit | null, check: typeof duration): number | Adaptive {
  if (value === false) return Infinity;
  return typeof value === 'object' && value !== null && 'measure' in value ? value : check(name, value);
}

function limitsFor(ctx: Pick<Context, 'stack' | 'options'>, self: Instance): Limits {
  const override = ctx.options['timeout'] as boolean | number | TimeoutOptions | undefined;
  if (override === undefined || override === true) return self.limits;
  if (override === false) return none;
  const { isProgress, ...given } = parse(override);
  const instances = instancesOf(ctx.stack);
  const appliesHere = (phase: Phase): boolean =>
    instances.some(({ limits }) => limits[phase] !== Infinity)
      ? self.limits[phase] !== Infinity
      : self === (instances.at(-1) ?? self);
  const overridden = Object.entries(given).filter(([phase]) => appliesHere(phase as Phase));
  return { ...self.limits, ...(isProgress && { isProgress }), ...Object.fromEntries(overridden) };
}

function instancesOf(stack: readonly Middleware[]): Instance[] {
  return stack.filter((middleware): middleware is Instance => 'limits' in middleware);
}

/**
 * The `total` of a whole call, ms, for an entry point that runs code outside its stack. Inside `retry` it limits an
 * attempt, and does not count here. `Infinity` if there is none, or if it is learned.
 */
export function totalOfCall({ stack, options }: Pick<Context, 'stack' | 'options'>): number {
  const retry = stack.findIndex(({ name }) => name === 'retry');
  const outside = instancesOf(retry < 0 ? stack : stack.slice(0, retry));
  const totals = outside.map((self) => limitsFor({ stack, options }, self).total);
  return Math.min(...totals.map((total) => (typeof total === 'number' ? total : Infinity)));
}
