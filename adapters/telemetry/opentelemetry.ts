/** Exports calls as spans and metrics of OpenTelemetry. Placed first, around the call, and last, around each attempt. */
import {
  context,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context as OtelContext,
  type Meter,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

import type { Context, Middleware } from '../../src/core/context.ts';
import { privateState } from '../../src/core/engine/private-state.ts';
import type { KyoaEvent } from '../../src/core/events.ts';
import { array, asPolicy, invalid, knownKeys } from '../../src/core/options.ts';
import { counters } from '../../src/telemetry/counters.ts';
import { harmless } from '../../src/telemetry/harmless.ts';
import { observeCall } from '../../src/telemetry/observe-call.ts';
import { limited, redactor, type Redactor } from '../../src/telemetry/redact.ts';
import {
  callResult,
  durationBuckets,
  errorType,
  isCancelled,
  otherValue,
  requestMethod,
  serverAddress,
} from '../../src/telemetry/semantic-conventions.ts';

/**
 * The options of `opentelemetry()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#opentelemetry
 */
export interface OpenTelemetryOptions {
  /** Creates the spans. @default `trace.getTracer('kyoa')` */
  readonly tracer?: Tracer | undefined;
  /** Creates the metrics. @default `metrics.getMeter('kyoa')` */
  readonly meter?: Meter | undefined;
  /** Names of parameters whose values are secrets, in addition to the usual ones. @default [] */
  readonly redact?: readonly string[] | undefined;
}

/**
 * The middleware that `opentelemetry()` returns, with its part for attempts.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#opentelemetry
 */
export type OpenTelemetry = Middleware & {
  /** The part to place last, next to the transport: every attempt passes through it. */
  readonly attempt: Middleware;
};

/**
 * Exports spans and metrics through `@opentelemetry/api`. It has two parts, a middleware for the call and one for each
 * attempt.
 *
 * `otel`, outermost, creates an INTERNAL span for the call, with a span event for every decision of the inner policies
 * (retries, hedges, replays, circuit changes). It measures `kyoa.call.duration` and counts the decisions.
 * `otel.attempt`, innermost, creates a CLIENT span for each request that is sent, sets the `traceparent` of that span
 * through the API's propagator, and measures `http.client.request.duration`. Only an innermost middleware sees every
 * attempt and can give each its own header. Each part works without the other. Durations end with the response headers,
 * as those of events do. A losing copy and a call that was aborted have no `error.type` and no error status.
 *
 * The parent span is that of the active context. An attempt finds the span of its call even without a context manager.
 * URLs are exported without credentials and secrets. In a handler both parts pass every request through: its spans are
 * SERVER spans, which other instrumentation creates.
 *
 * `opentelemetry: false` switches both off for one call.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { createFetch, standard } from 'kyoa';
 * import { opentelemetry } from 'kyoa/opentelemetry';
 *
 * const otel = opentelemetry();
 * createFetch({ use: [otel, ...standard(), otel.attempt] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/operations.md#opentelemetry
 * @see https://opentelemetry.io/docs/specs/semconv/http/
 */
export function opentelemetry(options: OpenTelemetryOptions = {}): OpenTelemetry {
  knownKeys('opentelemetry', options, ['tracer', 'meter', 'redact']);
  const redact = redactor(array('opentelemetry redact', options.redact ?? []));
  const tracer = options.tracer ?? trace.getTracer('kyoa');
  const meter = options.meter ?? metrics.getMeter('kyoa');
  if (typeof tracer?.startSpan !== 'function') throw invalid('opentelemetry tracer', tracer, 'a Tracer');
  if (typeof meter?.createHistogram !== 'function') throw invalid('opentelemetry meter', meter, 'a Meter');
  const advice = { explicitBucketBoundaries: [...durationBuckets] };
  const requests = meter.createHistogram('http.client.request.duration', {
    description: 'Duration of HTTP client requests.',
    unit: 's',
    advice,
  });
  const calls = meter.createHistogram('kyoa.call.duration', {
    description: 'Duration of calls, including all attempts and delays.',
    unit: 's',
    advice,
  });
  const countDecision = decisionCounter(meter);
  /** The state of a call, on `ctx.state`, which all forks of the call share. */
  const states = privateState<{ otelContext: OtelContext | undefined; attempts: number }>();
  const stateOf = ({ state }: Context) => {
    let call = states.get(state);
    if (call === undefined) states.set(state, (call = { otelContext: undefined, attempts: 0 }));
    return call;
  };
  const isOff = ({ options, side }: Context): boolean => options['opentelemetry'] === false || side === 'server';

  const startCall = (ctx: Context): Started => {
    const common = requestAttributes(ctx);
    const attributes = { ...common, 'url.full': redact.url(ctx.url), 'kyoa.request.id': limited(ctx.id) };
    const span = tracer.startSpan(`kyoa ${spanName(common)}`, { attributes });
    const otelContext = trace.setSpan(context.active(), span);
    stateOf(ctx).otelContext = otelContext;
    return { common, span, otelContext };
  };

  async function opentelemetry(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    if (isOff(ctx)) return next();
    const started = harmless(() => startCall(ctx));
    if (started === undefined) return next();
    const { common, span, otelContext } = started;
    const listener = (event: KyoaEvent): void => {
      if (event.type === 'request.settled') {
        const result = callResult(event);
        endSpan(span, { ...outcomeAttributes(event), 'kyoa.attempts': event.attempts }, result === 'failure');
        calls.record(event.duration / 1_000, { ...common, 'kyoa.outcome': result }, otelContext);
      } else if (!/^(request|attempt)\./.test(event.type) && span.isRecording()) {
        span.addEvent(event.type, eventAttributes(event, redact), event.time);
      }
      countDecision(event);
    };
    return runWithin(otelContext, () => observeCall(ctx, next, listener, opentelemetry));
  }

  const startAttempt = (ctx: Context): Started => {
    const call = stateOf(ctx);
    const active = context.active();
    const parent = trace.getSpan(active) === undefined ? (call.otelContext ?? active) : active;
    const common = requestAttributes(ctx);
    const span = tracer.startSpan(
      spanName(common),
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...common,
          'url.full': redact.url(ctx.url),
          ...(common['http.request.method'] === otherValue && { 'http.request.method_original': limited(ctx.method) }),
          ...(call.attempts > 0 && { 'http.request.resend_count': call.attempts }),
        },
      },
      parent,
    );
    call.attempts += 1;
    return { common, span, otelContext: trace.setSpan(parent, span) };
  };

  async function attempt(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    if (isOff(ctx)) return next();
    const started = harmless(() => startAttempt(ctx));
    if (started === undefined) return next();
    const { common, span, otelContext } = started;
    const from = performance.now();
    const end = (outcome: CallOutcome): void => {
      const attributes = outcomeAttributes(outcome);
      endSpan(span, attributes, 'error.type' in attributes);
      requests.record((performance.now() - from) / 1_000, { ...common, ...attributes }, otelContext);
    };
    const headers = harmless(() => traceHeaders(otelContext));
    try {
      const response = await runWithin(otelContext, () => next({ headers }));
      harmless(() => end(response));
      return response;
    } catch (error) {
      harmless(() => end({ error, aborted: isCancelled(ctx, error) }));
      throw error;
    }
  }

  return Object.assign(asPolicy({}, opentelemetry), { attempt: asPolicy({}, attempt) });
}

interface Started {
  readonly common: RequestAttributes;
  readonly span: Span;
  readonly otelContext: OtelContext;
}

/** What a response or a settled call has. */
interface CallOutcome {
  readonly status?: number;
  readonly error?: unknown;
  readonly aborted?: boolean;
}

/** Runs a call once in the context; outside it, if the context manager throws before it runs the call. */
function runWithin(otelContext: OtelContext, run: () => Promise<Response>): Promise<Response> {
  let running: Promise<Response> | undefined;
  harmless(() => context.with(otelContext, () => void (running = run())));
  return running ?? run();
}

type RequestAttributes = Attributes & { readonly 'http.request.method': string };

function requestAttributes(request: Pick<Context, 'method' | 'url'>): RequestAttributes {
  const { address, port } = serverAddress(request.url);
  return {
    'http.request.method': requestMethod(request),
    'server.address': address,
    ...(port !== undefined && { 'server.port': port }),
  };
}

function spanName({ 'http.request.method': method }: RequestAttributes): string {
  return method === otherValue ? 'HTTP' : method;
}

/** For a client, 4xx is an error as well, and an abort is none (semantic conventions, HTTP spans, status). */
function outcomeAttributes({ status, error, aborted }: CallOutcome): Attributes {
  if (status === undefined) return aborted ? {} : { 'error.type': errorType(error) };
  return { 'http.response.status_code': status, ...(status >= 400 && { 'error.type': String(status) }) };
}

function endSpan(span: Span, attributes: Attributes, failed: boolean): void {
  span.setAttributes(attributes);
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The headers of the registered propagator; without a propagator, none. */
function traceHeaders(otelContext: OtelContext): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  propagation.inject(otelContext, headers);
  return Object.keys(headers).length === 0 ? undefined : headers;
}

function decisionCounter(meter: Meter): (event: KyoaEvent) => void {
  const byType = new Map(
    Object.entries(counters).map(([type, { name, help, labels = {} }]) => {
      const counter = meter.createCounter(`kyoa.${name}`, { description: help });
      return [type, { counter, labels: Object.keys(labels) }];
    }),
  );
  return (event) => {
    const found = byType.get(event.type);
    if (found === undefined) return;
    const facts = event as unknown as Attributes;
    found.counter.add(1, Object.fromEntries(found.labels.map((label) => [`kyoa.${label}`, facts[label]])));
  };
}

/** The members of an event that fit into an attribute. An error becomes its type: its message may contain secrets. */
function eventAttributes({ type: _type, id: _id, time: _time, ...facts }: KyoaEvent, redact: Redactor): Attributes {
  const attributes: Attributes = {};
  for (const [name, fact] of Object.entries(facts)) {
    if (name === 'error') attributes['error.type'] = errorType(fact);
    else if (name === 'url') attributes['url.full'] = redact.url(String(fact));
    else if (typeof fact === 'string') attributes[name] = redact.text(fact);
    else if (typeof fact === 'number' || typeof fact === 'boolean') attributes[name] = fact;
  }
  return attributes;
}
