/** Counts calls and measures how long they take. Stands outermost, for whole calls. */
import type { Context, Middleware } from '../../core/context.ts';
import { boundedLabel, callResult } from '../../telemetry/semantic-conventions.ts';
import type { KyoaEvent } from '../../core/events.ts';
import { observeCall } from '../../telemetry/observe-call.ts';
import { fn, policyOptions, type PolicyOptions, type Settings } from '../../core/options.ts';
import { histogram, type HistogramSnapshot } from './histogram.ts';
import { byRoute, type Key } from '../../lib/keys.ts';

export interface MetricsOptions {
  /** Calls with the same key are one of `routes`; `undefined` leaves a call to the totals. @default byRoute */
  readonly key?: Key;
}

export interface RouteSnapshot {
  /** That have settled: the headers are in, or there is an error. */
  readonly calls: number;
  /** Without an answer, or with one of 500 and above; not those that their callers gave up. */
  readonly errors: number;
  /** Errors per call, 0 before there are any. */
  readonly errorRate: number;
  /** Requests that were handed to the transport. */
  readonly attempts: number;
  readonly retries: number;
  readonly hedges: number;
  /** Quantiles of the time to the headers, or to the error, ms, interpolated within a bucket; `undefined` without calls. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
}

export interface MetricsSnapshot extends RouteSnapshot {
  /** Calls that have not settled. */
  readonly inFlight: number;
  readonly routes: Readonly<Record<string, RouteSnapshot>>;
  /** Of every request that was handed to the transport, under OpenTelemetry's name. */
  readonly 'http.client.request.duration': HistogramSnapshot;
  /** Of the calls. */
  readonly 'kyoa.call.duration': HistogramSnapshot;
}

export type Metrics = Middleware & {
  /** Since the policy was built. */
  snapshot(): MetricsSnapshot;
};

export const metricsOptions: PolicyOptions<Settings<MetricsOptions>> = /* @__PURE__ */ policyOptions(
  'metrics',
  { key: [fn, byRoute] },
  { perCall: [] },
);

/** As many as other policies have keys; what comes later is the route `_OTHER`. */
const mostRoutes = 1_000;

/**
 * In constant memory: histograms have the buckets that OpenTelemetry's conventions advise (5 ms to 10 s), and routes are
 * bounded. A quantile is off by less than the width of its bucket.
 *
 * Per call: `metrics: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function metrics(options: MetricsOptions = {}): Metrics {
  const { key } = metricsOptions.parse(options);
  const total = tally();
  const requests = histogram();
  const routes = new Map<string, Tally>();
  const label = boundedLabel(mostRoutes);
  let inFlight = 0;

  const tallyOf = (route: string): Tally => {
    const name = label(route);
    let tallied = routes.get(name);
    if (tallied === undefined) routes.set(name, (tallied = tally()));
    return tallied;
  };

  function metrics(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    if (ctx.options['metrics'] === false) return next();
    const route = key(ctx);
    const tallied = route === undefined ? undefined : tallyOf(route);
    return observeCall(ctx, next, (event) => {
      if (event.type === 'request.started') inFlight += 1;
      else if (event.type === 'request.settled') inFlight -= 1;
      else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') requests.add(event.duration);
      total.hear(event, ctx);
      tallied?.hear(event, ctx);
    });
  }

  return Object.assign(metrics, {
    snapshot: (): MetricsSnapshot => ({
      ...total.snapshot(),
      inFlight,
      routes: Object.fromEntries(Array.from(routes, ([name, { snapshot }]) => [name, snapshot()])),
      'http.client.request.duration': requests.snapshot(),
      'kyoa.call.duration': total.durations.snapshot(),
    }),
  });
}

type Tally = ReturnType<typeof tally>;

function tally() {
  const durations = histogram();
  const counts = { calls: 0, errors: 0, attempts: 0, retries: 0, hedges: 0 };
  return {
    durations,
    hear(event: KyoaEvent, ctx: Context): void {
      if (event.type === 'attempt.sent') counts.attempts += 1;
      else if (event.type === 'retry.scheduled') counts.retries += 1;
      else if (event.type === 'hedge.launched') counts.hedges += 1;
      else if (event.type === 'request.settled') {
        counts.calls += 1;
        if (callResult(event, ctx) === 'failure') counts.errors += 1;
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
