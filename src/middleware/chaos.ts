/** Injects faults on purpose, to rehearse what the stack does about them. Placed innermost. */
import type { Context, Middleware, Next } from '../core/context.ts';
import { sleep } from '../core/engine/timers.ts';
import { KyoaError } from '../core/errors.ts';
import {
  asPolicy,
  boolean,
  delay,
  fn,
  invalid,
  oneOf,
  policyOptions,
  ratio,
  type PolicyOptions,
  type Settings,
} from '../core/options.ts';
import { discard } from '../lib/body/discard.ts';
import { createResponse, type ResponseHead } from '../lib/body/synthetic-response.ts';
import { watchBody } from '../lib/body/watch.ts';

/**
 * A failure of the connection. `refused`: the request is not sent. `reset`: the request is sent, and its response is lost with
 * the connection. `hang`: no response ever comes.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/chaos.md#options
 */
export type ChaosError = 'refused' | 'reset' | 'hang';

/**
 * The options of `chaos()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/chaos.md#options
 */
export interface ChaosOptions {
  /** Whether faults are injected. A function is called for each attempt, so that a flag may end a drill. @default false */
  readonly enabled?: boolean | (() => boolean) | undefined;
  /** The share of the attempts that meet a fault, 0..1; a function returns it for a call. @default 0.001 */
  readonly rate?: number | ((ctx: Context) => number) | undefined;
  /** The time before the request is sent, ms. @default none */
  readonly latency?: number | undefined;
  /** The status of a response that takes the place of the server's; the request is not sent. @default none */
  readonly status?: number | undefined;
  /** The failure of the connection. @default none */
  readonly error?: ChaosError | undefined;
  /**
   * The share of the body after which the connection breaks, 0..1. Without a `Content-Length`, it breaks in the first chunk.
   * @default none
   */
  readonly cut?: number | undefined;
  /** Permits faults in production. @default false */
  readonly allow?: boolean | undefined;
  /** Draws from [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * The options of `chaos` that a call may override.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/chaos.md#options
 */
export type ChaosOverride = Pick<ChaosOptions, 'rate' | 'latency' | 'status' | 'error' | 'cut'>;

type ChaosSettings = Settings<ChaosOptions, 'latency' | Outcome>;
/** What takes the place of the server's response. */
type Outcome = 'status' | 'error' | 'cut';
const outcomes: readonly Outcome[] = ['status', 'error', 'cut'];

export const chaosOptions: PolicyOptions<ChaosSettings> = /* @__PURE__ */ policyOptions(
  'chaos',
  {
    enabled: [flag, false],
    rate: [rate, 0.001],
    latency: [delay, undefined],
    status: [statusCode, undefined],
    error: [oneOf, undefined, ['refused', 'reset', 'hang']],
    cut: [ratio, undefined],
    allow: [boolean, false],
    random: [fn, Math.random, ratio],
  },
  { scalar: 'rate', perCall: ['rate', 'latency', 'status', 'error', 'cut'] },
);

/**
 * Injects faults on purpose: `chaos({ enabled: true, rate: 0.02, error: 'reset' })`. It rehearses a disaster in a test, in
 * staging or, with `allow: true`, in production. An attempt that meets a fault waits for `latency`. Then it gets one of the
 * given `status`, `error` and `cut`, drawn with equal chances; without any of them the request is sent as it is.
 *
 * Placed innermost, every outer policy meets the fault as it would meet that of a server: `retry` repeats it, `breaker` counts
 * it, and the limits of `timeout` end it. Every fault emits `chaos.injected`, and marks the line of `log`.
 *
 * Production is where `NODE_ENV` is `production`, and a page that is not on the user's own machine.
 *
 * Per call: `chaos: rate`, `chaos: { rate, latency, status, error, cut }` or `chaos: false`. A call cannot enable a policy that
 * is not enabled.
 *
 * @throws {KyoaError} `INVALID_OPTION`, also if faults are enabled in production without `allow: true`. An error that it injects
 * is a network error with the `code` of a real one.
 *
 * @example
 * ```ts
 * const api = kyoa.extend({ use: (stack) => [...stack, chaos({ enabled: true, rate: 0.02, status: 503 })] });
 * const response = await api.get('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/chaos.md
 * @see https://principlesofchaos.org
 */
export function chaos(options: ChaosOptions): Middleware {
  const own = chaosOptions.parse(options);
  const { enabled, allow } = own;
  if (outcomes.every((name) => own[name] === undefined) && own.latency === undefined) {
    throw new KyoaError('INVALID_OPTION', 'chaos needs a fault: give it latency, status, error or cut');
  }
  if (enabled !== false && own.rate !== 0 && !allow && isProduction()) {
    throw new KyoaError('INVALID_OPTION', 'chaos is enabled in production; pass allow: true if that is what you want');
  }

  return asPolicy(options, async function chaos(ctx, next) {
    const isEnabled = typeof enabled === 'function' ? enabled() : enabled;
    const settings = isEnabled ? chaosOptions.forCall(ctx, own) : undefined;
    if (settings === undefined || settings.random() >= rateFor(ctx, settings)) return next();

    const { latency = 0 } = settings;
    const given = outcomes.filter((name) => settings[name] !== undefined);
    const outcome = given[Math.floor(settings.random() * given.length)];
    ctx.emit({
      type: 'chaos.injected',
      ...(latency > 0 && { latency }),
      ...(outcome !== undefined && { [outcome]: settings[outcome] }),
    });
    if (latency > 0) await sleep(latency, ctx.signal);
    if (outcome === 'status') return respond(ctx, settings.status!);
    if (outcome === 'error') return fail(ctx, next, settings.error!);
    return outcome === 'cut' ? cutBody(ctx, next, settings.cut!) : next();
  });
}

const emptyHead: Omit<ResponseHead, 'url' | 'status'> = {
  redirected: false,
  type: 'basic',
  statusText: '',
  headers: [],
};

/** The URL of a response has no fragment. */
function respond({ url }: Context, status: number): Response {
  return createResponse({ ...emptyHead, url: url.split('#', 1)[0]!, status }, null);
}

async function fail(ctx: Context, next: Next, error: ChaosError): Promise<Response> {
  if (error === 'hang') return new Promise((_resolve, reject) => ctx.onAbort(reject));
  if (error === 'refused') throw networkError('fetch failed', 'ECONNREFUSED');
  discard(await next());
  throw networkError('fetch failed', 'ECONNRESET');
}

async function cutBody(ctx: Context, next: Next, share: number): Promise<Response> {
  const work = ctx.child();
  const response = await next({ signal: work });
  const { headers } = response;
  const length = headers.has('content-encoding') ? 0 : Number(headers.get('content-length'));
  let left = length * share;
  const fail = watchBody(response, {
    end() {},
    chunk(bytes) {
      left -= bytes.byteLength;
      if (left >= 0) return;
      const error = networkError('terminated', 'UND_ERR_SOCKET');
      work.abort(error);
      fail(error);
    },
  });
  return response;
}

/** As Node's fetch rejects: `isNetworkError` and every policy take it for one. */
function networkError(message: string, code: string): TypeError {
  return new TypeError(message, { cause: Object.assign(new Error(`${code}, injected by chaos`), { code }) });
}

function rateFor(ctx: Context, { rate }: ChaosSettings): number {
  return typeof rate === 'function' ? rate(ctx) : rate;
}

interface Platform {
  readonly process?: { readonly env?: { readonly NODE_ENV?: string } };
  readonly location?: { readonly hostname: string };
  readonly document?: object;
}

function isProduction(): boolean {
  const platform = globalThis as Platform;
  if (platform.document === undefined) return platform['process']?.env?.NODE_ENV === 'production';
  const host = platform.location?.hostname ?? '';
  return !['', '[::1]'].includes(host) && !/(^|\.)localhost$|^127\./.test(host);
}

function flag(name: string, value: boolean | (() => boolean)): boolean | (() => boolean) {
  return typeof value === 'function' ? fn(name, value, boolean) : boolean(name, value);
}

function rate(name: string, value: number | ((ctx: Context) => number)): number | ((ctx: Context) => number) {
  return typeof value === 'function' ? fn(name, value, ratio) : ratio(name, value);
}

function statusCode(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599) return value;
  throw invalid(name, value, 'a status of a response, 200 to 599');
}
