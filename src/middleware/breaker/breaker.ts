/** Spares a server that fails, and its callers the wait. Stands inside `retry`, outside the `timeout` of an attempt. */
import type { Middleware } from '../../core/context.ts';
import { CircuitOpenError, TimeoutError } from '../../core/errors.ts';
import {
  duration,
  fn,
  objectOrFalse,
  policyOptions,
  positive,
  ratio,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { checkedSnapshot, circuit, type CircuitSnapshot, type Rules, type Verdict } from './circuit.ts';
import { lruMap } from '../../lib/lru.ts';
import { byOrigin, type Key } from '../../lib/keys.ts';
import { isTransient, setNotBefore, settleThen, unwrap, type Outcome, type When } from '../../lib/outcome.ts';

export interface BreakerOptions extends BreakerOverride {
  /** How long a call counts, ms. @default 10_000 */
  readonly window?: number;
  /** Calls that pass while the circuit is half-open, and must all succeed to close it. @default 1 */
  readonly probes?: number;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: () => number;
  /** Where to begin: what `snapshot()` gave, there or in another process. */
  readonly initial?: BreakerSnapshot;
}

/** What a call may decide for itself; the rest belongs to the circuit that it shares. */
export interface BreakerOverride {
  /** Failures among the calls within the window that open the circuit. @default 0.5 */
  readonly ratio?: number;
  /** With fewer calls within the window it stays closed. @default 20 */
  readonly volume?: number;
  /** How long it stays open, ms, with equal jitter; or a backoff, for one that grows while probes fail. @default 2_000 */
  readonly cooldown?: number | Backoff;
  /** Counts calls that take longer than `over` ms as failures of their own `ratio` (0.5). @default false */
  readonly slow?: { readonly over: number; readonly ratio?: number } | false;
  /** Calls with the same key share a circuit; `undefined` leaves a call alone. @default byOrigin */
  readonly key?: Key;
  /** What is a failure of the server. @default a network error, a limit that ran out, or a status of 500 and above */
  readonly when?: When;
}

export type BreakerSnapshot = Readonly<Record<string, CircuitSnapshot>>;
export type Breaker = Middleware & {
  /** Every key's circuit as it stands, in JSON's terms. */
  snapshot(): BreakerSnapshot;
};

export const breakerOptions: PolicyOptions<Settings<BreakerOptions, 'initial'> & Rules> = /* @__PURE__ */ policyOptions(
  'breaker',
  {
    ratio: [ratio, 0.5],
    volume: [positive, 20],
    cooldown: [backoffOr, 2_000, duration],
    slow: [objectOrFalse, false, { over: [duration], ratio: [ratio, 0.5] }],
    key: [fn, byOrigin],
    when: [fn, isServerFailure],
    window: [duration, 10_000],
    probes: [positive, 1],
    random: [fn, () => Math.random()],
    initial: [snapshots, undefined],
  },
  { perCall: ['ratio', 'volume', 'cooldown', 'slow', 'key', 'when'] },
);

/**
 * Closed, open, half-open for each key. The call that opens the circuit still gets its own outcome. A failed probe
 * opens it again; one that is aborted, or hangs for longer than a cooldown, gives its place to another. An abort by the
 * caller, and an error that `when` does not blame on the server, count for nothing. A 429 is no failure: the server
 * does its work, and refuses one client's quota; an open circuit would refuse everybody (Envoy's outlier detection
 * counts 5xx only, too). What is judged is the answer's head, not its body. Of more than 1,000 keys the least recently
 * used are forgotten, but never one whose cooldown runs.
 *
 * Per call: `breaker: false`, or `breaker: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `CircuitOpenError` (`CIRCUIT_OPEN`), which says until when.
 */
export function breaker(options: BreakerOptions = {}): Breaker {
  const own = breakerOptions.parse(options);
  const { window, probes } = own;
  const initial = new Map(Object.entries(own.initial ?? {}));
  const circuits = lruMap(
    (key) => {
      const past = initial.get(key);
      initial.delete(key);
      return circuit(window, probes, past);
    },
    ({ retryAt }) => retryAt === undefined || retryAt <= Date.now(),
  );
  for (const key of initial.keys()) circuits.get(key);

  function breaker(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    const policy = breakerOptions.forCall(ctx, own);
    const key = policy?.key(ctx);
    if (policy === undefined || key === undefined) return next();

    const circuit = circuits.get(key);
    const pass = circuit.acquire(policy);
    if (pass === undefined) {
      const retryAt = circuit.retryAt!;
      ctx.emit({ type: 'breaker.rejected', key, retryAt });
      throw new CircuitOpenError(key, retryAt, { request: ctx.request });
    }
    const leave = (verdict: Verdict | undefined): void => {
      const change = circuit.record(pass, verdict, policy);
      if (change === 'opened') ctx.emit({ type: 'breaker.opened', key, retryAt: circuit.retryAt! });
      if (change === 'closed') ctx.emit({ type: 'breaker.closed', key });
    };
    /** A limit that stands outside and ran out may be the server's failure; whatever else the abort was is not. */
    const aborted = (): void => {
      const { reason: error } = ctx;
      const failed = error instanceof TimeoutError && policy.when({ error }, ctx);
      leave(failed ? { failed, slow: false } : undefined);
    };
    if (pass.expires !== undefined) {
      ctx.emit({ type: 'breaker.probed', key });
      ctx.signal.addEventListener('abort', aborted, { once: true }); // what is beneath may never hear of it
    }

    const started = policy.slow === false ? 0 : performance.now();
    return settleThen(next(), (outcome) => {
      if (pass.expires !== undefined) ctx.signal.removeEventListener('abort', aborted);
      if (ctx.aborted) aborted();
      else {
        const failed = policy.when(outcome, ctx);
        const slow = policy.slow !== false && performance.now() - started > policy.slow.over;
        leave(failed || outcome.response !== undefined ? { failed, slow } : undefined);
        const { retryAt } = circuit;
        if (retryAt !== undefined) setNotBefore(outcome, retryAt);
      }
      return unwrap(outcome);
    });
  }

  return Object.assign(breaker, {
    snapshot: () => Object.fromEntries(Array.from(circuits, ([key, { snapshot }]) => [key, snapshot])),
  });
}

function isServerFailure({ response, error }: Outcome): boolean {
  return response ? response.status >= 500 : isTransient(error);
}

function backoffOr(name: string, value: number | Backoff, check: typeof duration): number | Backoff {
  return typeof value === 'function' ? value : check(name, value);
}

function snapshots(name: string, value: BreakerSnapshot): BreakerSnapshot {
  for (const [key, past] of Object.entries(value)) checkedSnapshot(`${name} ${key}`, past);
  return value;
}
