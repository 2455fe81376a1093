/** Limits how long a call may take. Outside `retry` it bounds the whole, inside it each attempt. */
import type { Context, Middleware } from '../../core/context.ts';
import { TimeoutError } from '../../core/errors.ts';
import { duration, forCall, fn, knownKeys } from '../../core/options.ts';
import { fixed, never, type Adaptive, type Measurement } from './adaptive.ts';
import { SharedTimer } from '../../core/engine/timers.ts';
import { isEventStream, watchBody } from '../../lib/body/watch.ts';
import { noop } from '../../lib/noop.ts';
import { idleTimer } from './idle-timer.ts';
import { withTimeout } from './with-timeout.ts';

/** ms, or learnt from history; a limit that is absent, `false` or `Infinity` does not apply. */
export type Limit = number | Adaptive | false;

export interface TimeoutOptions {
  /** To the last byte of the body; of a `text/event-stream`, to its headers: a stream ends when it ends. */
  readonly total?: Limit;
  /** Until what is beneath has answered with headers. */
  readonly headers?: Limit;
  /** The longest silence of the server while the body is being read, the first chunk included. */
  readonly idle?: Limit;
  /** Whether a chunk ends the silence; a comment that only keeps an event stream open need not. @default every chunk does */
  readonly isProgress?: (chunk: Uint8Array) => boolean;
}

/**
 * `timeout(5_000)` is `timeout({ total: 5_000 })`. Settles on time even if nothing beneath hears the abort; the
 * loser is aborted, and an answer that comes too late is let go. Nested limits take the earlier; `ctx.deadline` tells
 * what is beneath.
 *
 * Per call: `timeout: ms`, `timeout: { ... }` or `timeout: false`. Where it stands twice, each limit of an override
 * reaches the instance that has this limit; a limit that none has goes to the innermost.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `TimeoutError` (`TIMEOUT`), which names phase, limit and
 * time elapsed; after the headers, so does whoever reads the body.
 */
export function timeout(options: number | TimeoutOptions): Middleware {
  const own = parse(options);

  const self: Instance = Object.assign(
    function timeout(ctx, next) {
      const limits = limitsFor(ctx, self);
      if (limits === none) return next();
      const total = limits.total.measure(ctx, 'total');
      const headers = limits.headers.measure(ctx, 'headers');
      const phase = headers.limit < total.limit ? 'headers' : 'total';
      const first = phase === 'headers' ? headers : total;

      const started = performance.now();
      const elapsed = (): number => performance.now() - started;
      let fail: (error: unknown) => void = noop;
      const expire = (phase: Phase, wait: Measurement): TimeoutError => {
        const facts = { phase, limit: wait.limit, elapsed: elapsed() };
        const error = new TimeoutError(facts, { request: ctx.request });
        wait.expired();
        ctx.emit({ type: 'timeout.exceeded', ...facts });
        work.abort(error);
        fail(error);
        return error;
      };

      const arrived = (response: Response): Response => {
        const waited = elapsed();
        headers.answered(waited);
        const left = isEventStream(response) ? Infinity : total.limit - waited;
        if (left < Infinity) {
          let alarm: SharedTimer | undefined;
          let over = false;
          const end = (complete: boolean): void => {
            over = true;
            alarm?.cancel();
            if (complete) total.answered(elapsed());
          };
          fail = watchBody(response, { end });
          if (!over) alarm = new SharedTimer(left, () => expire('total', total), true);
        }
        const idle = limits.idle.measure(ctx, 'idle');
        if (idle.limit < left) {
          const onExceeded = (): void => void expire('idle', idle);
          fail = watchBody(response, idleTimer({ wait: idle, isProgress: limits.isProgress, onExceeded }));
        }
        return response;
      };

      const work = ctx.child();
      const below = next({ signal: work, deadline: earlier(ctx.deadline, started + first.limit) });
      return withTimeout(first.limit, { ctx, below, arrived, expire: () => expire(phase, first) });
    } satisfies Middleware,
    { limits: own },
  );
  return self;
}

type Phase = 'total' | 'headers' | 'idle';
type Settings = Readonly<Record<Phase, Adaptive>> & Pick<TimeoutOptions, 'isProgress'>;

/** Says which limits it has, so that a per-call override finds its instance. */
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
      const asked = parse(given);
      const instances = ctx.stack.filter((middleware): middleware is Instance => 'limits' in middleware);
      const isMine = (phase: Phase): boolean =>
        instances.some(({ limits }) => limits[phase] !== never)
          ? self.limits[phase] !== never
          : self === (instances.at(-1) ?? self);
      const laid = phases.filter((phase) => given[phase] !== undefined && isMine(phase));
      return {
        ...self.limits,
        ...(asked.isProgress && { isProgress: asked.isProgress }),
        ...Object.fromEntries(laid.map((phase) => [phase, asked[phase]])),
      };
    }) ?? none
  );
}

function earlier(deadline: number | undefined, other: number): number | undefined {
  return other === Infinity ? deadline : Math.min(deadline ?? Infinity, other);
}
