/** Limits how long a call may take. Outside `retry` it limits the whole call, inside `retry` each attempt. */
import type { Context, Middleware } from '../../core/context.ts';
import { TimeoutError } from '../../core/errors.ts';
import { duration, fn, policyOptions, type PolicyOptions } from '../../core/options.ts';
import { fixed, never, type Adaptive, type Measurement } from './adaptive.ts';
import { afterUnref, SharedTimer } from '../../core/engine/timers.ts';
import { isEventStream, watchBody } from '../../lib/body/watch.ts';
import { idleTimer } from './idle-timer.ts';
import { withTimeout } from './with-timeout.ts';

/** ms, or learned from history. A limit that is absent, `false` or `Infinity` does not apply. */
export type Limit = number | Adaptive | false;

export interface TimeoutOptions {
  /** To the last byte of the body. A `text/event-stream` has no expected end: there it runs to the headers only. */
  readonly total?: Limit;
  /** Until the inner middleware resolves to a response: its headers are there. */
  readonly headers?: Limit;
  /** The longest silence of the server while the body is being read, the wait for the first chunk included. */
  readonly idle?: Limit;
  /** Whether a chunk ends the silence. A comment that only keeps an event stream open need not. @default every chunk does */
  readonly isProgress?: (chunk: Uint8Array) => boolean;
}

export const timeoutOptions: PolicyOptions<Partial<Limits>> = /* @__PURE__ */ policyOptions(
  'timeout',
  {
    total: [toAdaptive, undefined, duration],
    headers: [toAdaptive, undefined, duration],
    idle: [toAdaptive, undefined, duration],
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
 */
export function timeout(options: number | TimeoutOptions): Middleware {
  const own: Limits = { ...none, ...parse(options) };

  const self: Instance = Object.assign(
    function timeout(ctx, next) {
      const limits = limitsFor(ctx, self);
      if (limits === none) return next();
      const wait = new Wait(ctx, limits);
      return limitHeaders(next({ signal: wait.work, deadline: wait.deadline }), wait).then((response) => {
        const waited = wait.elapsed();
        wait.headers.finished(waited);
        const hasTotal = limits.total !== never && !isEventStream(response);
        const left = hasTotal ? wait.total.limit - waited : Infinity;
        limitBody(response, left, wait);
        if (limits.idle !== never) limitSilence(response, left, wait);
        return response;
      });
    } satisfies Middleware,
    { limits: own },
  );
  return self;
}

/** What the limits of one call share. A class, because closures would allocate 0.6 kB more per call. */
class Wait {
  readonly ctx: Context;
  readonly limits: Limits;
  readonly total: Measurement;
  readonly headers: Measurement;
  readonly work: AbortController;
  /** When the headers must have arrived, ms on the clock of `performance.now()`. */
  readonly deadline: number | undefined;
  readonly #started = performance.now();

  constructor(ctx: Context, limits: Limits) {
    this.ctx = ctx;
    this.limits = limits;
    this.total = limits.total.measure(ctx, 'total');
    this.headers = limits.headers.measure(ctx, 'headers');
    this.work = ctx.child();
    const own = this.#started + Math.min(this.total.limit, this.headers.limit);
    this.deadline = own === Infinity ? ctx.deadline : Math.min(ctx.deadline ?? Infinity, own);
  }

  /** ms since the call began. */
  elapsed(): number {
    return performance.now() - this.#started;
  }

  /** Aborts the work, and returns the error for the caller. */
  expire(phase: Phase, limit: Measurement): TimeoutError {
    const facts = { phase, limit: limit.limit, elapsed: this.elapsed() };
    const error = new TimeoutError(facts, { request: this.ctx.request });
    limit.expired();
    this.ctx.emit({ type: 'timeout.exceeded', ...facts });
    this.work.abort(error);
    return error;
  }
}

/** Limits the time to the headers by `headers` or `total`, whichever is shorter. */
function limitHeaders(response: Promise<Response>, wait: Wait): Promise<Response> {
  const phase = wait.headers.limit < wait.total.limit ? 'headers' : 'total';
  const limit = wait[phase];
  return withTimeout(response, limit.limit, wait.ctx, () => wait.expire(phase, limit));
}

/** Limits the time from the headers to the last byte by what is `left` of `total`, ms. */
function limitBody(response: Response, left: number, wait: Wait): void {
  if (left === Infinity) return;
  const timer = new SharedTimer(left, () => fail(wait.expire('total', wait.total)), afterUnref);
  const fail = watchBody(response, {
    end(complete) {
      timer.cancel();
      if (complete) wait.total.finished(wait.elapsed());
    },
  });
}

/** Limits the silences in the body by `idle`, unless `total` expires before `idle` can. */
function limitSilence(response: Response, left: number, wait: Wait): void {
  const idle = wait.limits.idle.measure(wait.ctx, 'idle');
  if (idle.limit >= left) return;
  const onExpired = (): void => fail(wait.expire('idle', idle));
  const fail = watchBody(response, idleTimer({ silence: idle, isProgress: wait.limits.isProgress, onExpired }));
}

type Phase = 'total' | 'headers' | 'idle';
type Limits = Readonly<Record<Phase, Adaptive>> & Pick<TimeoutOptions, 'isProgress'>;

/** Its limits are readable, so that a per-call override finds the instances that have a limit. */
type Instance = Middleware & { readonly limits: Limits };

const none: Limits = { total: never, headers: never, idle: never };

function parse(given: number | TimeoutOptions): Partial<Limits> {
  return timeoutOptions.parse(typeof given === 'number' ? { total: given } : given);
}

function toAdaptive(name: string, value: Limit | null, check: typeof duration): Adaptive {
  if (value === false || value === Infinity) return never;
  return typeof value === 'object' && value !== null && 'measure' in value ? value : fixed(check(name, value));
}

function limitsFor(ctx: Context, self: Instance): Limits {
  const override = ctx.options['timeout'] as boolean | number | TimeoutOptions | undefined;
  if (override === undefined || override === true) return self.limits;
  if (override === false) return none;
  const { isProgress, ...given } = parse(override);
  const instances = ctx.stack.filter((middleware): middleware is Instance => 'limits' in middleware);
  const appliesHere = (phase: Phase): boolean =>
    instances.some(({ limits }) => limits[phase] !== never)
      ? self.limits[phase] !== never
      : self === (instances.at(-1) ?? self);
  const overridden = Object.entries(given).filter(([phase]) => appliesHere(phase as Phase));
  return { ...self.limits, ...(isProgress && { isProgress }), ...Object.fromEntries(overridden) };
}
