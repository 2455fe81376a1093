/** Counts calls and measures how long they take. Placed outermost, to count whole calls. */
import type { Middleware } from '../../core/context.ts';
import { boundedLabel, callResult } from '../../telemetry/semantic-conventions.ts';
import type { KyoaEvent } from '../../core/events.ts';
import { harmless } from '../../telemetry/harmless.ts';
import { observeCall } from '../../telemetry/observe-call.ts';
import { asPolicy, keyFn, policyOptions, type PolicyOptions, type Settings } from '../../core/options.ts';
import { histogram, type HistogramSnapshot } from './histogram.ts';
import { byRoute, type Key } from '../../lib/keys.ts';

/**
 * The options of `metrics()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md#options
 */
export interface MetricsOptions {
  /** Calls with the same key are one route; with `undefined` a call counts only in the totals. @default byRoute */
  readonly key?: Key | undefined;
}

/**
 * The counts of one route.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md
 */
export interface RouteSnapshot {
  /** Calls that have settled: the response headers have arrived, or the call has failed. */
  readonly calls: number;
  /** Calls without a response, or with a status of 500 and above. A call that was aborted is no error. */
  readonly errors: number;
  /** Errors per call; 0 before the first call. */
  readonly errorRate: number;
  /** Requests that were passed to the transport. */
  readonly attempts: number;
  readonly retries: number;
  readonly hedges: number;
  /** Quantiles of the time to the headers or to the error, ms; `undefined` before the first call. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
}

/**
 * The counts of all calls together and of each route, and the histograms of their durations.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md
 */
export interface MetricsSnapshot extends RouteSnapshot {
  /** Calls that have not settled. */
  readonly inFlight: number;
  readonly routes: Readonly<Record<string, RouteSnapshot>>;
  /** The durations of all requests that were passed to the transport, under OpenTelemetry's name. */
  readonly 'http.client.request.duration': HistogramSnapshot;
  /** The durations of all calls. */
  readonly 'kyoa.call.duration': HistogramSnapshot;
}

/**
 * The middleware that `metrics()` returns, with its counts.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md
 */
export type Metrics = Middleware & {
  /** All counts since the policy was built. */
  snapshot(): MetricsSnapshot;
};

export const metricsOptions: PolicyOptions<Settings<MetricsOptions>> = /* @__PURE__ */ policyOptions(
  'metrics',
  { key: [keyFn, byRoute] },
  { perCall: [] },
);

/** As many as other policies keep keys. All further routes are counted as `_OTHER`. */
const maxRoutes = 1_000;

/**
 * Counts calls, errors, attempts, retries and hedges, in total and per route, in constant memory. The histograms have
 * the buckets that OpenTelemetry's conventions advise (5 ms to 10 s), and the number of routes is limited. A quantile is
 * within 2 % of a duration that was measured.
 *
 * It exports nothing: `kyoa/prometheus` and `kyoa/opentelemetry` do.
 *
 * Per call: `metrics: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const counted = metrics();
 * const fetch = createFetch({ use: [counted, ...standard()] });
 * await fetch('https://api.example.com/users');
 * console.log(counted.snapshot());
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/metrics.md
 */
export function metrics(options: MetricsOptions = {}): Metrics {
  const { key } = metricsOptions.parse(options);
  const total = tally();
  const requests = histogram();
  const routes = new Map<string, Tally>();
  const label = boundedLabel(maxRoutes);
  let inFlight = 0;

  const tallyOf = (route: string): Tally => {
    const name = label(route);
    let existing = routes.get(name);
    if (existing === undefined) routes.set(name, (existing = tally()));
    return existing;
  };

  const policy: Middleware = function metrics(ctx, next) {
    if (ctx.options['metrics'] === false) return next();
    const route = harmless(() => key(ctx));
    const routeTally = route === undefined ? undefined : tallyOf(route);
    return observeCall(ctx, next, (event) => {
      if (event.type === 'request.started') inFlight += 1;
      else if (event.type === 'request.settled') inFlight -= 1;
      else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') requests.add(event.duration);
      total.record(event);
      routeTally?.record(event);
    });
  };

  const snapshot = (): MetricsSnapshot => ({
    ...total.snapshot(),
    inFlight,
    routes: Object.fromEntries(Array.from(routes, ([name, { snapshot }]) => [name, snapshot()])),
    'http.client.request.duration': requests.snapshot(),
    'kyoa.call.duration': total.durations.snapshot(),
  });
  return Object.assign(asPolicy(options, policy), { snapshot });
}

type Tally = ReturnType<typeof tally>;

function tally() {
  const durations = histogram();
  const counts = { calls: 0, errors: 0, attempts: 0, retries: 0, hedges: 0 };
  return {
    durations,
    record(event: KyoaEvent): void {
      if (event.type === 'attempt.sent') counts.attempts += 1;
      else if (event.type === 'retry.scheduled') counts.retries += 1;
      else if (event.type === 'hedge.launched') counts.hedges += 1;
      else if (event.type === 'request.settled') {
        counts.calls += 1;
        if (callResult(event) === 'failure') counts.errors += 1;
        durations.add(event.duration);
      }
    },
    snapshot: (): RouteSnapshot => ({
      ...counts,
      errorRate: counts.calls === 0 ? 0 : counts.errors / counts.calls,
      p50: durations.quantile(0.5),
      p95: durations.quantile(0.95),
      p99: durations.quantile(0.99),
    }),
  };
}
