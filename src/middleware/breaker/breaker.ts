/** Stops calls to a server that keeps failing. Placed inside `retry` and outside the `timeout` of an attempt. */
import type { Middleware } from '../../core/context.ts';
import { CircuitOpenError, TimeoutError } from '../../core/errors.ts';
import {
  asPolicy,
  delay,
  duration,
  fn,
  keyFn,
  objectOrFalse,
  policyOptions,
  positive,
  ratio,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { checkedSnapshot, circuit, type CircuitSnapshot, type Rules } from './circuit.ts';
import { lruMap } from '../../lib/lru.ts';
import { byOrigin, type Key } from '../../lib/keys.ts';
import { isTransient, setNotBefore, type Outcome, type When } from '../../lib/outcome.ts';

/**
 * The options of `breaker()`. Durations are in ms, ratios are in 0..1.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md#options
 */
export interface BreakerOptions extends BreakerOverride {
  /** How long a call counts, ms. @default 10_000 */
  readonly window?: number | undefined;
  /** Calls that pass while the circuit is half-open; all of them must succeed to close it. @default 1 */
  readonly probes?: number | undefined;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** The state to begin with: a result of `snapshot()`, which another process may have written. */
  readonly initial?: BreakerSnapshot | undefined;
}

/**
 * The options of `breaker` that a call may override. The other options belong to the shared circuit.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md#options
 */
export interface BreakerOverride {
  /** The share of failed calls in the window that opens the circuit. @default 0.5 */
  readonly ratio?: number | undefined;
  /** With fewer calls in the window the circuit stays closed. @default 20 */
  readonly volume?: number | undefined;
  /** How long the circuit stays open, ms, with equal jitter; or a backoff, to grow while probes fail. @default 2_000 */
  readonly cooldown?: number | Backoff | undefined;
  /** Counts calls that take longer than `over` ms as failures with a `ratio` of their own (0.5). @default false */
  readonly slow?: { readonly over: number; readonly ratio?: number | undefined } | false | undefined;
  /** Calls with the same key share a circuit; `undefined` excludes a call. @default byOrigin */
  readonly key?: Key | undefined;
  /** The server's failures. @default a network error, a limit that ran out, or a status of 500 and above */
  readonly when?: When | undefined;
}

/**
 * The state of each circuit of a breaker by its key, as plain JSON.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md
 */
export type BreakerSnapshot = Readonly<Record<string, CircuitSnapshot>>;
/**
 * The middleware that `breaker()` returns, with the state of its circuits.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md
 */
export type Breaker = Middleware & {
  /** The present state of every circuit, by key, as plain JSON. */
  snapshot(): BreakerSnapshot;
};

export const breakerOptions: PolicyOptions<Settings<BreakerOptions, 'initial'> & Rules> = /* @__PURE__ */ policyOptions(
  'breaker',
  {
    ratio: [ratio, 0.5],
    volume: [positive, 20],
    cooldown: [backoffOr, 2_000, duration],
    slow: [objectOrFalse, false, { over: [duration], ratio: [ratio, 0.5] }],
    key: [keyFn, byOrigin],
    when: [fn, isServerFailure],
    window: [duration, 10_000],
    probes: [positive, 1],
    random: [fn, () => Math.random()],
    initial: [snapshots, undefined],
  },
  { perCall: ['ratio', 'volume', 'cooldown', 'slow', 'key', 'when'] },
);

/**
 * A circuit breaker: each key has a circuit that is closed, open or half-open. The call that opens the circuit still
 * gets its own outcome. A failed probe opens the circuit again. A probe that is aborted, or hangs for longer than a
 * cooldown, returns its permit, and another call becomes a probe. An abort by the caller is not counted, and neither is
 * an error that `when` does not accept as a failure of the server. Of more than 1,000 circuits the least recently used
 * ones are deleted, but never one whose cooldown still runs.
 *
 * It judges the status and the headers, not the body. By default a 429 is no failure: the server works and refuses one
 * client that is over its quota, but an open circuit would refuse all clients. Envoy's outlier detection counts only
 * statuses of 500 and above, too.
 *
 * Per call: `breaker: false`, or `breaker: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `CircuitOpenError` (`CIRCUIT_OPEN`), which has the time
 * at which a call may pass again.
 * @example
 * ```ts
 * const fetch = createFetch({ use: [retry(), breaker({ ratio: 0.5, volume: 20, cooldown: 2_000 })] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md
 */
export function breaker(options: BreakerOptions = {}): Breaker {
  const own = breakerOptions.parse(options);
  const { window, probes } = own;
  const initial = new Map(Object.entries(own.initial ?? {}));
  const circuits = lruMap(
    (key) => {
      const snapshot = initial.get(key);
      initial.delete(key);
      return circuit(window, probes, snapshot);
    },
    ({ retryAt }) => retryAt === undefined || retryAt <= Date.now(),
  );
  for (const key of initial.keys()) circuits.get(key);

  const policy: Middleware = function breaker(ctx, next) {
    const settings = breakerOptions.forCall(ctx, own);
    const key = settings?.key(ctx);
    if (settings === undefined || key === undefined) return next();

    const circuit = circuits.get(key);
    const permit = circuit.acquire(settings);
    if (permit === undefined) {
      const retryAt = circuit.retryAt!;
      ctx.emit({ type: 'breaker.rejected', key, retryAt });
      throw new CircuitOpenError(key, retryAt, { request: ctx });
    }
    const started = settings.slow === false ? 0 : performance.now();
    /** `outcome` is absent for an abort: an inner middleware or a transport that ignores it never settles. */
    const record = (outcome?: Outcome): void => {
      if (permit.expires !== undefined) ctx.signal.removeEventListener('abort', recordAbort);
      const isAborted = ctx.aborted;
      const judged = isAborted || outcome === undefined ? { error: ctx.reason } : outcome;
      // The limit of an outer `timeout` that expired may be the server's failure. No other abort is.
      const failed = (!isAborted || judged.error instanceof TimeoutError) && settings.when(judged, ctx);
      const slow = !isAborted && settings.slow !== false && performance.now() - started > settings.slow.over;
      const isCounted = failed || judged.response !== undefined;
      const transition = circuit.record(permit, isCounted ? { failed, slow } : undefined, settings);
      const { retryAt } = circuit;
      if (transition === 'opened') ctx.emit({ type: 'breaker.opened', key, retryAt: retryAt! });
      if (transition === 'closed') ctx.emit({ type: 'breaker.closed', key });
      if (!isAborted && retryAt !== undefined) setNotBefore(judged, retryAt);
    };
    const recordAbort = (): void => record();
    if (permit.expires !== undefined) {
      ctx.emit({ type: 'breaker.probed', key });
      ctx.signal.addEventListener('abort', recordAbort, { once: true });
    }

    return next().then(
      (response) => {
        record({ response });
        return response;
      },
      (error: unknown) => {
        record({ error });
        throw error;
      },
    );
  };

  const snapshot = (): BreakerSnapshot =>
    Object.fromEntries(Array.from(circuits, ([key, { snapshot }]) => [key, snapshot]));
  return Object.assign(asPolicy(options, policy), { snapshot });
}

function isServerFailure({ response, error }: Outcome): boolean {
  return response ? response.status >= 500 : isTransient(error);
}

function backoffOr(name: string, value: number | Backoff, check: typeof duration): number | Backoff {
  return typeof value === 'function' ? fn(name, value, delay) : check(name, value);
}

function snapshots(name: string, value: BreakerSnapshot): BreakerSnapshot {
  for (const [key, snapshot] of Object.entries(value)) checkedSnapshot(`${name} ${key}`, snapshot);
  return value;
}
