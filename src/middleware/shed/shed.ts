/** Refuses requests that a busy server could not serve in time, before any work. For handlers; placed inside `deadline` and `timeout`, outside all work. */
import type { Context, Middleware } from '../../core/context.ts';
import { KyoaError } from '../../core/errors.ts';
import {
  asPolicy,
  count,
  duration,
  fn,
  invalid,
  policyOptions,
  positive,
  ratio,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import { watchAbandoned } from '../../lib/abandoned-work.ts';
import { settle, unwrap } from '../../lib/outcome.ts';
import { problem } from '../../lib/problem-response.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { adaptiveConcurrency } from './adaptive-concurrency.ts';
import { loopDelay } from './loop-delay.ts';
import { defaultUrgency, sentUrgency } from './urgency.ts';

/**
 * The options of `shed()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/shed.md#options
 */
export interface ShedOptions {
  /** The learned limit of the requests that run at the same time is never lower. @default 1 */
  readonly min?: number | undefined;
  /** The learned limit is never higher. @default 1_000 */
  readonly max?: number | undefined;
  /** The latency that is a sign of overload, as a multiple of the latency without a queue; above 1. @default 1.5 */
  readonly tolerance?: number | undefined;
  /**
   * How long a request may wait for an event loop that has no rest, or the latency of a request without a queue, if that is
   * longer. @default 5
   */
  readonly target?: number | undefined;
  /** How far back the rest of the loop counts, and the longest that a request may wait. @default 100 */
  readonly interval?: number | undefined;
  /**
   * The urgency of a request as in RFC 9218: 0 is the highest, 7 the lowest. A `Priority` header may only lower it, because
   * the client writes it. @default 3 for all
   */
  readonly urgency?: ((ctx: Context) => number) | undefined;
  /**
   * The share of the limit that is kept for the highest urgency: for 0 if there is a function `urgency`, otherwise for the
   * requests that do not lower theirs. @default 0.1
   */
  readonly reserve?: number | undefined;
  /** The longest `Retry-After`. Each response has a random one, of whole seconds from 1 on. @default 3_000 */
  readonly retryAfter?: number | undefined;
  /** Draws from [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

type ShedSettings = Settings<ShedOptions, 'urgency'>;

/**
 * The present state of a `shed()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/shed.md
 */
export interface ShedSnapshot {
  readonly running: number;
  /** How many requests may run at present. */
  readonly concurrency: number;
  /** How long the present turn of the event loop has lasted, ms. */
  readonly delay: number;
  /** The latency without a queue, ms, once it is known. */
  readonly latency?: number;
}

/**
 * The middleware that `shed()` returns, with its state.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/shed.md
 */
export type Shedder = Middleware & {
  snapshot(): ShedSnapshot;
};

export const shedOptions: PolicyOptions<ShedSettings> = /* @__PURE__ */ policyOptions(
  'shed',
  {
    min: [positive, 1],
    max: [positive, 1_000],
    tolerance: [aboveOne, 1.5],
    target: [duration, 5],
    interval: [duration, 100],
    urgency: [fn, undefined, urgency],
    reserve: [ratio, 0.1],
    retryAfter: [duration, 3_000],
    random: [fn, Math.random, ratio],
  },
  { perCall: [] },
);

/**
 * Sheds load in a handler: `createHandler({ use: [shed()] }, handler)`. A request that would have to wait is answered with
 * a 503 and a `Retry-After` before any work, so that the others are served as quickly as on a quiet day. It is refused if
 * it has waited too long for the event loop, or if as many requests run as the server can serve without a queue.
 *
 * A request counts until the handler has responded or failed; after its client has left, for a minute at most. A body that is
 * still being sent does not count. The policy has no effect on Workers, where the platform starts further isolates.
 *
 * Per call: `shed: false` admits the request without counting it.
 *
 * @throws {KyoaError} `INVALID_OPTION`; a call of a client rejects with it, because only a handler can shed. A client limits
 * itself with `limit({ concurrency: aimd() })`.
 * @example
 * ```ts
 * const handle = createHandler({ use: [shed()] }, async () => Response.json({ ok: true }));
 * const response = await handle(new Request('https://shop.example/orders'));
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/shed.md
 * @see https://sre.google/sre-book/handling-overload/
 */
export function shed(options: ShedOptions = {}): Shedder {
  const own = shedOptions.parse(options);
  count('shed max', own.max, own.min);
  const concurrency = adaptiveConcurrency(own);
  const loop = loopDelay(own);
  const hasClasses = own.urgency !== undefined;
  const highest = hasClasses ? 0 : defaultUrgency;
  let running = 0;

  const whyNot = (isHighest: boolean): 'delay' | 'concurrency' | undefined => {
    if (loop.isTooLong(concurrency.latency ?? 0, hasClasses && isHighest)) return 'delay';
    const { limit } = concurrency;
    if (running < (isHighest ? limit : Math.max(1, Math.floor(limit * (1 - own.reserve))))) return undefined;
    concurrency.refuse();
    return 'concurrency';
  };

  const policy: Middleware = async function shed(ctx, next) {
    if (ctx.side === 'client')
      throw new KyoaError('INVALID_OPTION', 'shed is for a handler; use limit({ concurrency: aimd() }) in a client');
    if (ctx.options['shed'] === false || isRequestBound()) return next();

    const urgency = Math.max(own.urgency?.(ctx) ?? defaultUrgency, sentUrgency(ctx.header('priority')));
    const reason = whyNot(urgency <= highest);
    if (reason !== undefined) {
      ctx.emit({ type: 'shed.rejected', reason, urgency });
      return overloaded(own);
    }

    running += 1;
    const started = performance.now();
    let isOver = false;
    const end = (isGood: boolean): void => {
      if (isOver) return;
      isOver = true;
      concurrency.record(performance.now() - started, running, isGood);
      running -= 1;
    };
    const workIsOver = watchAbandoned(ctx, () => end(false));
    const outcome = await settle(next());
    workIsOver();
    end(outcome.response !== undefined && outcome.response.status < 500);
    return unwrap(outcome);
  };

  const snapshot = (): ShedSnapshot => ({
    running,
    concurrency: concurrency.limit,
    delay: loop.current,
    ...(concurrency.latency !== undefined && { latency: concurrency.latency }),
  });
  return Object.assign(asPolicy(options, policy), { snapshot });
}

/** Random, so that the clients do not all come back at once. The field has whole seconds (RFC 9110 §10.2.3). */
function overloaded({ retryAfter, random }: ShedSettings): Response {
  const seconds = 1 + Math.floor(random() * Math.ceil(retryAfter / 1_000));
  const facts = { title: 'The server is overloaded', detail: `Try again in ${seconds} s.` };
  return problem(503, facts, { 'retry-after': String(seconds) });
}

function urgency(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 7) return value;
  throw invalid(name, value, 'an urgency, 0 to 7');
}

function aboveOne(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 1) return value;
  throw invalid(name, value, 'a number above 1');
}
