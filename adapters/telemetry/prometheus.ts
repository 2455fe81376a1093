/** What happens, as metrics of Prometheus through prom-client 15: listed first, outermost. */
import { Counter, Gauge, Histogram, register, type Registry } from 'prom-client';

import type { Middleware } from '../../src/core/context.ts';
import {
  bounded,
  durationBuckets,
  errorTypeOf,
  methodOf,
  serverOf,
  callResult,
} from '../../src/telemetry/semantic-conventions.ts';
import { counters } from '../../src/telemetry/counters.ts';
import type { KyoaEvent } from '../../src/core/events.ts';
import { observeCall } from '../../src/telemetry/observe-call.ts';
import { count, fn, invalid, knownKeys } from '../../src/core/options.ts';

/** What is read of a pool per origin; the fetch of `kyoa/undici` has it. */
export interface PoolStats {
  /** Connections that are open. */
  readonly connected: number;
  /** Requests that are under way. */
  readonly running: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** The longest that a request under way has held its connection, ms. */
  readonly longestHold: number;
}

export interface Pools {
  readonly stats: () => Readonly<Record<string, PoolStats>>;
  /** Per origin, as the transport was given it. @default none: no share of the pool is shown */
  readonly connections?: number;
}

export interface PrometheusOptions {
  /** Where the metrics are registered. @default the global registry of prom-client */
  readonly registry?: Registry;
  /** Whose connections to show: `{ stats: transport.stats, connections: 100 }`. @default none */
  readonly pools?: Pools;
}

/** Of hosts and of circuits, each; those beyond are `_OTHER`. */
const mostLabels = 100;
/** Statuses are three digits, but servers say what they like. */
const mostStatuses = 60;
/** An open circuit nobody has called since its cooldown ended, and so long after, is no longer news, ms. */
const circuitMemory = 60_000;

/**
 * `http_client_request_duration_seconds` for every request that is sent, under OpenTelemetry's names and buckets;
 * `kyoa_call_duration_seconds` for the calls as their callers see them; a counter for every decision of the policies
 * beneath; `kyoa_circuit_open`; with `pools` the connections. No label holds a URL, an id or a path, and the number of
 * hosts and circuits is bounded.
 *
 * A registry takes these metrics once: list one and the same policy in several stacks rather than make two.
 *
 * Per call: `prometheus: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function prometheus(options: PrometheusOptions = {}): Middleware {
  knownKeys('prometheus', options, ['registry', 'pools']);
  const { registry = register, pools } = options;
  if (typeof registry?.registerMetric !== 'function')
    throw invalid('prometheus registry', registry, 'a Registry of prom-client');
  const registers = [registry];
  const buckets = [...durationBuckets];
  const host = bounded(mostLabels);
  const status = bounded(mostStatuses);
  const errorType = bounded(mostLabels);

  const requests = new Histogram({
    name: 'http_client_request_duration_seconds',
    help: 'Duration of HTTP client requests, to the response headers.',
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
    help: 'Duration of calls with all their attempts and pauses, to the response headers.',
    labelNames: ['http_request_method', 'server_address', 'outcome'] as const,
    buckets,
    registers,
  });
  const inFlight = new Gauge({ name: 'kyoa_calls_in_flight', help: 'Calls that have not settled.', registers });
  const circuits = openCircuits(registry);
  const decisions = countDecisions(registry);
  if (pools !== undefined) showPools(registry, pools);

  const sent = (event: KyoaEvent & { readonly type: 'attempt.answered' | 'attempt.failed' }): void => {
    const { address, port = '' } = serverOf(event.url);
    const answered = event.type === 'attempt.answered';
    const failed = answered ? (event.status >= 400 ? String(event.status) : '') : errorTypeOf(event.error);
    const labels = {
      http_request_method: methodOf(event),
      server_address: host(address),
      server_port: host(address) === address ? String(port) : '',
      http_response_status_code: answered ? status(String(event.status)) : '',
      error_type: errorType(failed),
    };
    requests.observe(labels, event.duration / 1_000);
  };

  return async function prometheus(ctx, next) {
    if (ctx.options['prometheus'] === false) return next();
    return observeCall(ctx, next, (event) => {
      if (event.type === 'request.started') inFlight.inc();
      else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') sent(event);
      else if (event.type === 'request.settled') {
        inFlight.dec();
        const labels = {
          http_request_method: methodOf(event),
          server_address: host(serverOf(event.url).address),
          outcome: callResult(event, ctx),
        };
        calls.observe(labels, event.duration / 1_000);
      }
      decisions(event);
      circuits(event);
    });
  };
}

/** A series begins at 0 where its labels are known beforehand: the first increase is one that `rate` sees. */
function countDecisions(registry: Registry): (event: KyoaEvent) => void {
  const all = Object.entries(counters).map(([type, { name, help, by = {} }]) => {
    const [[label, values] = [undefined, []]] = Object.entries(by);
    const counter = new Counter({
      name: `kyoa_${name}_total`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
    });
    if (label !== undefined) for (const value of values) counter.inc({ [label]: value }, 0);
    return [type, { counter, label, value: bounded(mostLabels) }] as const;
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
  const label = bounded(mostLabels);
  const open = new Map<string, number>();
  const gauge = new Gauge({
    name: 'kyoa_circuit_open',
    help: 'Whether a circuit is open or half-open: 1 from its opening until it closes, or nobody has called for a minute.',
    labelNames: ['key'],
    registers: [],
    collect() {
      for (const [key, retryAt] of open) this.set({ key }, Date.now() < retryAt + circuitMemory ? 1 : 0);
    },
  });
  registry.registerMetric(gauge);

  return (event) => {
    if (event.type === 'breaker.opened' || event.type === 'breaker.rejected') open.set(label(event.key), event.retryAt);
    else if (event.type === 'breaker.closed') open.set(label(event.key), -Infinity);
  };
}

function showPools(registry: Registry, pools: Pools): void {
  knownKeys('prometheus pools', pools, ['stats', 'connections']);
  fn('prometheus pools stats', pools.stats);
  if (pools.connections !== undefined) count('prometheus pools connections', pools.connections, 1);
  const shown: readonly [name: string, help: string, read: (stats: PoolStats) => number | undefined][] = [
    ['connections', 'Connections that are open.', ({ connected }) => connected],
    ['connections_limit', 'Connections that there may be.', () => pools.connections],
    ['running', 'Requests that are under way.', ({ running }) => running],
    ['waiting', 'Requests that wait for a connection.', ({ queued }) => queued],
    [
      'longest_hold_seconds',
      'The longest that a request under way has held its connection.',
      ({ longestHold }) => longestHold / 1_000,
    ],
  ];
  const label = bounded(mostLabels);
  for (const [name, help, read] of shown) {
    const gauge = new Gauge({
      name: `kyoa_pool_${name}`,
      help,
      labelNames: ['origin'],
      registers: [],
      collect() {
        this.reset(); // an origin that is gone has no pool
        for (const [origin, stats] of Object.entries(pools.stats())) {
          const value = read(stats);
          if (value !== undefined) this.set({ origin: label(origin) }, value);
        }
      },
    });
    registry.registerMetric(gauge);
  }
}
