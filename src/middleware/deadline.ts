/**
 * Passes the time that is left for a call on to the next service, which takes it over. In a client it is placed inside
 * `retry`, `hedge` and the `timeout` of an attempt, and outside `sign`; in a handler, outermost.
 */
import type { Context, Middleware, Next } from '../core/context.ts';
import { after } from '../core/engine/timers.ts';
import { TimeoutError } from '../core/errors.ts';
import {
  asPolicy,
  boolean,
  delay,
  duration,
  fn,
  headerName,
  invalid,
  policyOptions,
  type PolicyOptions,
  type Settings,
} from '../core/options.ts';
import { discard } from '../lib/body/discard.ts';
import { problem } from '../lib/problem-response.ts';

/**
 * The options of `deadline()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/deadline.md#options
 */
export interface DeadlineOptions {
  /**
   * The header field: `'grpc-timeout'` with its units, or any other one in whole ms. The default is the field of Connect: no
   * field is a standard of the IETF, and of those that are in use this one has one unit and no vendor's prefix.
   *
   * @default 'Connect-Timeout-Ms'
   */
  readonly header?: string | undefined;
  /** In a handler, the longest time until the response, regardless of what the client sends. @default no bound */
  readonly max?: number | undefined;
  /** A handler refuses a request that has less time left: it would be answered too late. @default 5 */
  readonly min?: number | undefined;
  /** Whether a handler believes the field. Otherwise it removes the field. A function decides for each request. @default false */
  readonly trust?: boolean | ((ctx: Context) => boolean) | undefined;
}

type DeadlineSettings = Settings<DeadlineOptions, 'max'>;

export const deadlineOptions: PolicyOptions<DeadlineSettings> = /* @__PURE__ */ policyOptions(
  'deadline',
  {
    header: [headerName, 'Connect-Timeout-Ms'],
    min: [delay, 5],
    max: [duration, undefined],
    trust: [flag, false],
  },
  { perCall: [] },
);

/**
 * Carries a deadline from service to service, as a duration and never as a time, because clocks differ. In a client each
 * attempt gets a header with the ms that are left by `ctx.deadline`, which `timeout` sets. In a handler the header, at
 * most `max`, sets `ctx.deadline`; at the deadline the signal of the handler aborts, and the response is a 504.
 *
 * A handler that calls another service passes its deadline on: `fetch(url, { signal, deadline })` with both of its context.
 * A value that is malformed is ignored. A client does not send a time above 27 hours, and keeps a shorter one of the caller.
 *
 * Per call: `deadline: ms` on the clock of `performance.now()` is the deadline of the call; `deadline: false` sends no header.
 *
 * @throws {KyoaError} `INVALID_OPTION`. A handler answers a request that has too little time left with a 504
 * (`application/problem+json`).
 * @example
 * ```ts
 * const stock = createFetch({ use: [timeout(30_000), retry(), deadline()] });
 * const handle = createHandler({ use: [deadline({ trust: true, max: 10_000 })] }, (request, { signal, deadline }) =>
 *   stock('https://stock.example.com/items', { signal, deadline }),
 * );
 * const response = await handle(new Request('https://shop.example/items', { headers: { 'Connect-Timeout-Ms': '800' } }));
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/deadline.md
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md for `grpc-timeout`, and google.rpc.Code, which maps
 * DEADLINE_EXCEEDED to 504
 */
export function deadline(options: DeadlineOptions = {}): Middleware {
  const own = deadlineOptions.parse(options);
  if (own.max !== undefined && own.max < own.min) throw invalid('deadline max', own.max, `at least min, ${own.min}`);

  return asPolicy(options, async function deadline(ctx, next) {
    if (ctx.options['deadline'] === false) return next();
    return ctx.side === 'client' ? send(ctx, next, own) : receive(ctx, next, own);
  });
}

/** gRPC allows 8 digits: in ms, 27 hours. */
const longest = 99_999_999;

function send(ctx: Context, next: Next, { header }: DeadlineSettings): Promise<Response> {
  const left = Math.max(1, Math.floor(timeLeft(ctx)));
  const given = read(header, ctx.header(header)) ?? Infinity;
  if (left > longest || given <= left) return next();
  return next({ headers: { [header]: isGrpc(header) ? `${left}m` : String(left) } });
}

async function receive(ctx: Context, next: Next, own: DeadlineSettings): Promise<Response> {
  const { header, max = Infinity, min, trust } = own;
  const given = ctx.header(header);
  const isTrusted = given !== null && (typeof trust === 'function' ? trust(ctx) : trust);
  const headers = given === null || isTrusted ? undefined : { [header]: undefined };
  const limit = Math.min(timeLeft(ctx), max, (isTrusted ? read(header, given) : undefined) ?? Infinity);
  if (limit === Infinity) return headers ? next({ headers }) : next();
  if (limit < min) {
    ctx.emit({ type: 'deadline.rejected', left: Math.max(0, limit) });
    return problem(504, { title: 'Too little time is left', detail: `Less than ${min} ms are left.` });
  }

  const started = performance.now();
  const work = ctx.child();
  let isOver = false;
  return new Promise((resolve, reject) => {
    const timer = after(limit, () => {
      const elapsed = performance.now() - started;
      ctx.emit({ type: 'deadline.exceeded', limit });
      isOver = true;
      work.abort(new TimeoutError({ phase: 'headers', limit, elapsed }, { request: ctx }));
      const detail = `There was no response within ${Math.round(limit)} ms.`;
      resolve(problem(504, { title: 'The deadline has passed', detail }));
    });
    next({ headers, signal: work, deadline: started + limit })
      .finally(() => clearTimeout(timer))
      .then((response) => (isOver ? discard(response) : resolve(response)), reject);
  });
}

function timeLeft({ deadline = Infinity }: Context): number {
  return deadline - performance.now();
}

function isGrpc(header: string): boolean {
  return header.toLowerCase() === 'grpc-timeout';
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** ms; `undefined` for a value that is absent or malformed. Connect allows 10 digits. */
function read(header: string, value: string | null): number | undefined {
  const [, digits, unit = 'm'] = (isGrpc(header) ? /^(\d{1,8})([HMSmun])$/ : /^(\d{1,10})$/).exec(value ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits) * units[unit]!;
}

function flag(name: string, value: boolean | ((ctx: Context) => boolean)): boolean | ((ctx: Context) => boolean) {
  return typeof value === 'function' ? fn(name, value, boolean) : boolean(name, value);
}
