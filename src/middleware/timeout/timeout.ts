/** Limits how long a call may take. Outside `retry` it limits the whole call, inside `retry` each attempt. */
import type { Context, Middleware } from '../../core/context.ts';
import { TimeoutError } from '../../core/errors.ts';
import { duration, forCall, fn, knownKeys } from '../../core/options.ts';
import { fixed, never, type Adaptive, type Measurement } from './adaptive.ts';
import { afterUnref, SharedTimer } from '../../core/engine/timers.ts';
import { isEventStream, watchBody } from '../../lib/body/watch.ts';
import { idleTimer } from './idle-timer.ts';
import { withTimeout } from './with-timeout.ts';

/** ms, or learnt from history. A limit that is absent, `false` or `Infinity` does not apply. */
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
  const own = parse(options);

  const self: Instance = Object.assign(
    function timeout(ctx, next) {
      const limits = limitsFor(ctx, self);
      if (limits === none) return next();
      const wait = startWait(ctx, limits);
      return limitHeaders(next({ signal: wait.work, deadline: wait.deadline }), wait).then((response) => {
        const waited = wait.elapsed();
        wait.headers.finished(waited);
        const left = isEventStream(response) ? Infinity : wait.total.limit - waited;
        limitBody(response, left, wait);
        limitSilence(response, left, wait);
        return response;
      });
    } satisfies Middleware,
    { limits: own },
  );
  return self;
}

/** What the limits of one call share. */
interface Wait {
  readonly ctx: Context;
  readonly limits: Settings;
  readonly total: Measurement;
  readonly headers: Measurement;
  /** By which the headers must be there. */
  readonly deadline: number | undefined;
  readonly work: AbortController;
  /** ms since the call began. */
  readonly elapsed: () => number;
  /** Aborts the work, and returns the error for the caller. */
  readonly expire: (phase: Phase, limit: Measurement) => TimeoutError;
}

function startWait(ctx: Context, limits: Settings): Wait {
  const total = limits.total.measure(ctx, 'total');
  const headers = limits.headers.measure(ctx, 'headers');
  const work = ctx.child();
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  const expire = (phase: Phase, limit: Measurement): TimeoutError => {
    const facts = { phase, limit: limit.limit, elapsed: elapsed() };
    const error = new TimeoutError(facts, { request: ctx.request });
    limit.expired();
    ctx.emit({ type: 'timeout.exceeded', ...facts });
    work.abort(error);
    return error;
  };
  const limited = started + Math.min(total.limit, headers.limit);
  const deadline = limited === Infinity ? ctx.deadline : Math.min(ctx.deadline ?? Infinity, limited);
  return { ctx, limits, total, headers, deadline, work, elapsed, expire };
}

/** The time to the headers is limited by `headers` or `total`, whichever is shorter. */
function limitHeaders(response: Promise<Response>, wait: Wait): Promise<Response> {
  const phase = wait.headers.limit < wait.total.limit ? 'headers' : 'total';
  const limit = wait[phase];
  return withTimeout(response, limit.limit, wait.ctx, () => wait.expire(phase, limit));
}

/** `total` limits the body as well: `left` is what is left of it, ms. */
function limitBody(response: Response, left: number, { total, elapsed, expire }: Wait): void {
  if (left === Infinity) return;
  const timer = new SharedTimer(left, () => fail(expire('total', total)), afterUnref);
  const fail = watchBody(response, {
    end(complete) {
      timer.cancel();
      if (complete) total.finished(elapsed());
    },
  });
}

/** `idle` limits the silences in the body, unless `total` ends the body before `idle` can. */
function limitSilence(response: Response, left: number, { ctx, limits, expire }: Wait): void {
  const idle = limits.idle.measure(ctx, 'idle');
  if (idle.limit >= left) return;
  const onExpired = (): void => fail(expire('idle', idle));
  const fail = watchBody(response, idleTimer({ silence: idle, isProgress: limits.isProgress, onExpired }));
}

type Phase = 'total' | 'headers' | 'idle';
type Settings = Readonly<Record<Phase, Adaptive>> & Pick<TimeoutOptions, 'isProgress'>;

/** Its limits are readable, so that a per-call override finds the instances that have a limit. */
type Instance = Middleware & { readonly limits: Settings };

const phases: readonly Phase[] = ['total', 'headers', 'idle'];
const none: Settings = { total: never, headers: never, idle: never };

function parse(given: number | TimeoutOptions): Settings {
  const options = typeof given === 'number' ? { total: given } : knownKeys('timeout', given, [...phases, 'isProgress']);
  const limit = (phase: Phase): Adaptive => {
    const given = options[phase];
    if (given === undefined || given === false || given === Infinity) return never;
    return typeof given === 'object' && 'measure' in given ? given : fixed(duration(`timeout ${phase}`, given));
  };
  if (options.isProgress !== undefined) fn('timeout isProgress', options.isProgress);
  return { ...options, total: limit('total'), headers: limit('headers'), idle: limit('idle') };
}

function limitsFor(ctx: Context, self: Instance): Settings {
  return (
    forCall(ctx.options['timeout'], self.limits, (override: number | TimeoutOptions) => {
      const given = typeof override === 'number' ? { total: override } : override;
      const parsed = parse(given);
      const instances = ctx.stack.filter((middleware): middleware is Instance => 'limits' in middleware);
      const appliesHere = (phase: Phase): boolean =>
        instances.some(({ limits }) => limits[phase] !== never)
          ? self.limits[phase] !== never
          : self === (instances.at(-1) ?? self);
      const overridden = phases.filter((phase) => given[phase] !== undefined && appliesHere(phase));
      return {
        ...self.limits,
        ...(parsed.isProgress && { isProgress: parsed.isProgress }),
        ...Object.fromEntries(overridden.map((phase) => [phase, parsed[phase]])),
      };
    }) ?? none
  );
}
