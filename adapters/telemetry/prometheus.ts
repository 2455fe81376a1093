/** Exports calls as metrics of Prometheus, through prom-client 15. Placed first, outermost. */
import { Counter, Gauge, Histogram, register, type Registry } from 'prom-client';

import type { Middleware } from '../../src/core/context.ts';
import type { KyoaEvent, Listener } from '../../src/core/events.ts';
import { asPolicy, count, fn, invalid, knownKeys } from '../../src/core/options.ts';
import { counters } from '../../src/telemetry/counters.ts';
import { observeCall } from '../../src/telemetry/observe-call.ts';
import {
  boundedLabel,
  callResult,
  durationBuckets,
  errorType,
  requestMethod,
  serverAddress,
} from '../../src/telemetry/semantic-conventions.ts';

/**
 * The state of the pool of one origin. The `stats()` of `kyoa/undici` returns it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#prometheus
 */
export interface PoolStats {
  /** Open connections. */
  readonly connected: number;
  /** Requests on a connection. */
  readonly running: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** The time for which the oldest running request has held its connection, ms. */
  readonly longestHold: number;
}

/**
 * The transport whose pools `prometheus()` exports.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#prometheus
 */
export interface Pools {
  /** Called at each scrape; the keys are origins. */
  readonly stats: () => Readonly<Record<string, PoolStats>>;
  /** The `connections` option of the transport. @default none: `kyoa_pool_connections_limit` is not exported */
  readonly connections?: number | undefined;
}

/**
 * The options of `prometheus()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#prometheus
 */
export interface PrometheusOptions {
  /** The registry of the metrics. @default the global registry of prom-client */
  readonly registry?: Registry | undefined;
  /** The transport whose pools are exported: `{ stats: transport.stats, connections: 100 }`. @default none */
  readonly pools?: Pools | undefined;
}

type AttemptEvent = KyoaEvent & { readonly type: 'attempt.answered' | 'attempt.failed' };

/** Values of a label: hosts, circuits, origins. Every further value is `_OTHER`. */
const maxLabels = 100;
/** More than HTTP defines: a server may send any three digits. */
const maxStatuses = 60;
/** A circuit without a call is exported as open until this long after its cooldown, ms. */
const openCircuitTtl = 60_000;

/**
 * Exports calls, attempts and pools as metrics of Prometheus, through prom-client. Registers these metrics, under
 * OpenTelemetry's names and buckets where it has some:
 *
 * - `http_client_request_duration_seconds` for every request that is sent
 * - `kyoa_call_duration_seconds` for every call as its caller sees it, and `kyoa_calls_in_flight`
 * - a counter for every kind of decision of the inner policies, and `kyoa_circuit_open`
 * - with `pools`, the connections of the transport
 *
 * No label contains a URL, an id or a path, and the number of hosts and circuits is bounded. A registry accepts each
 * metric once: several stacks must share one `prometheus()`. `prometheus: false` switches it off for one call.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa, { standard } from 'kyoa';
 * import { prometheus } from 'kyoa/prometheus';
 *
 * const api = kyoa.create({ use: [prometheus(), ...standard()] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#prometheus
 */
export function prometheus(options: PrometheusOptions = {}): Middleware {
  knownKeys('prometheus', options, ['registry', 'pools']);
  const { registry = register, pools } = options;
  if (typeof registry?.registerMetric !== 'function')
    throw invalid('prometheus registry', registry, 'a Registry of prom-client');
  const registers = [registry];
  const buckets = [...durationBuckets];
  const hostLabel = boundedLabel(maxLabels);
  const statusLabel = boundedLabel(maxStatuses);
  const errorLabel = boundedLabel(maxLabels);

  const requests = new Histogram({
    name: 'http_client_request_duration_seconds',
    help: 'Duration of HTTP client requests, until the response headers.',
    labelNames: [
      'http_request_method',
      'server_address',
      'server_port',
      'http_response_status_code',
      'error_type',
    ] as const,
    buckets,
    registers,
  });
  const calls = new Histogram({
    name: 'kyoa_call_duration_seconds',
    help: 'Duration of calls, including all attempts and delays, until the response headers.',
    labelNames: ['http_request_method', 'server_address', 'outcome'] as const,
    buckets,
    registers,
  });
  const inFlight = new Gauge({ name: 'kyoa_calls_in_flight', help: 'Calls that have not settled.', registers });
  const trackCircuit = openCircuits(registry);
  const countDecision = decisionCounter(registry);
  if (pools !== undefined) registerPools(registry, pools);

  const observeAttempt = (event: AttemptEvent): void => {
    const { address, port = '' } = serverAddress(event.url);
    const answered = event.type === 'attempt.answered';
    const labels = {
      http_request_method: requestMethod(event),
      server_address: hostLabel(address),
      server_port: hostLabel(address) === address ? String(port) : '',
      http_response_status_code: answered ? statusLabel(String(event.status)) : '',
      error_type: errorLabel(errorOf(event)),
    };
    requests.observe(labels, event.duration / 1_000);
  };

  return asPolicy<Middleware>({}, async function prometheus(ctx, next) {
    if (ctx.options['prometheus'] === false) return next();
    const count: Listener = (event) => {
      if (event.type === 'request.started') inFlight.inc();
      else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') observeAttempt(event);
      else if (event.type === 'request.settled') {
        inFlight.dec();
        const labels = {
          http_request_method: requestMethod(event),
          server_address: hostLabel(serverAddress(event.url).address),
          outcome: callResult(event),
        };
        calls.observe(labels, event.duration / 1_000);
      }
      countDecision(event);
      trackCircuit(event);
    };
    return observeCall(ctx, next, count, prometheus);
  });
}

/** Empty for an attempt that has not failed, also for one that was aborted. */
function errorOf(event: AttemptEvent): string {
  if (event.type === 'attempt.answered') return event.status >= 400 ? String(event.status) : '';
  return event.aborted ? '' : errorType(event.error);
}

/** A series whose label values are known starts at 0, so that `rate` sees its first increase. */
function decisionCounter(registry: Registry): (event: KyoaEvent) => void {
  const all = Object.entries(counters).map(([type, { name, help, labels = {} }]) => {
    const [[label, values] = [undefined, []]] = Object.entries(labels);
    const counter = new Counter({
      name: `kyoa_${name}_total`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
    });
    if (label !== undefined) for (const value of values) counter.inc({ [label]: value }, 0);
    return [type, { counter, label, value: boundedLabel(maxLabels) }] as const;
  });
  const byType = new Map<string, (typeof all)[number][1]>(all);

  return (event) => {
    const found = byType.get(event.type);
    if (found === undefined) return;
    const { counter, label, value } = found;
    if (label === undefined) counter.inc();
    else counter.inc({ [label]: value(String(event[label as keyof KyoaEvent])) });
  };
}

function openCircuits(registry: Registry): (event: KyoaEvent) => void {
  const label = boundedLabel(maxLabels);
  const open = new Map<string, number>();
  const gauge = new Gauge({
    name: 'kyoa_circuit_open',
    help: 'Whether a circuit is open or half-open: 1 until it closes, or until a minute after its cooldown without a call.',
    labelNames: ['key'],
    registers: [],
    collect() {
      for (const [key, retryAt] of open) this.set({ key }, Date.now() < retryAt + openCircuitTtl ? 1 : 0);
    },
  });
  registry.registerMetric(gauge);

  return (event) => {
    if (event.type === 'breaker.opened' || event.type === 'breaker.rejected') open.set(label(event.key), event.retryAt);
    else if (event.type === 'breaker.closed') open.set(label(event.key), -Infinity);
  };
}

function registerPools(registry: Registry, pools: Pools): void {
  knownKeys('prometheus pools', pools, ['stats', 'connections']);
  fn('prometheus pools stats', pools.stats);
  if (pools.connections !== undefined) count('prometheus pools connections', pools.connections, 1);
  const gauges: readonly [name: string, help: string, read: (stats: PoolStats) => number | undefined][] = [
    ['connections', 'Open connections.', ({ connected }) => connected],
    ['connections_limit', 'The most connections that may be open.', () => pools.connections],
    ['running', 'Requests on a connection.', ({ running }) => running],
    ['waiting', 'Requests that wait for a connection.', ({ queued }) => queued],
    [
      'longest_hold_seconds',
      'The time for which the oldest running request has held its connection.',
      ({ longestHold }) => longestHold / 1_000,
    ],
  ];
  const label = boundedLabel(maxLabels);
  for (const [name, help, read] of gauges) {
    const gauge = new Gauge({
      name: `kyoa_pool_${name}`,
      help,
      labelNames: ['origin'],
      registers: [],
      collect() {
        this.reset(); // an origin without a pool must not keep its last value
        for (const [origin, stats] of Object.entries(pools.stats())) {
          const value = read(stats);
          if (value !== undefined) this.set({ origin: label(origin) }, value);
        }
      },
    });
    registry.registerMetric(gauge);
  }
}
