/** What happens, as spans and measurements of OpenTelemetry: listed first around the call, and last around each attempt. */
import {
  context,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context as Telemetry,
  type Meter,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

import { privateState } from '../../src/core/engine/private-state.ts';
import type { Context, Middleware } from '../../src/core/context.ts';
import {
  durationBuckets,
  errorTypeOf,
  methodOf,
  other,
  serverOf,
  callResult,
} from '../../src/telemetry/semantic-conventions.ts';
import { counters } from '../../src/telemetry/counters.ts';
import type { KyoaEvent } from '../../src/core/events.ts';
import { observeCall } from '../../src/telemetry/observe-call.ts';
import { invalid, array, knownKeys } from '../../src/core/options.ts';
import { redactor, type Redactor } from '../../src/telemetry/redact.ts';

export interface OpenTelemetryOptions {
  /** @default `trace.getTracer('kyoa')` */
  readonly tracer?: Tracer;
  /** @default `metrics.getMeter('kyoa')` */
  readonly meter?: Meter;
  /** Names of parameters whose values are secrets besides the usual ones. @default [] */
  readonly redact?: readonly string[];
}

export type OpenTelemetry = Middleware & {
  /** The part that stands next to the transport, where each attempt passes. */
  readonly attempt: Middleware;
};

/**
 * ```ts
 * const otel = opentelemetry();
 * createFetch({ use: [otel, ...standard(), otel.attempt] });
 * ```
 *
 * `otel` itself, outermost, makes an INTERNAL span for the call with an event for every decision beneath it (retries,
 * hedges, replays, circuit changes), measures `kyoa.call.duration` and counts the decisions. `otel.attempt`, innermost,
 * makes a CLIENT span for each request that is sent, puts that span's `traceparent` on it through the API's propagator,
 * and measures `http.client.request.duration`. Only there can each attempt be seen and have a header of its own; each
 * does its part without the other. Durations end with the response headers, as events do.
 *
 * The parent is the active context; an attempt finds its call also where no context manager is registered. URLs go
 * without credentials and secrets. On the server side of the wire both let everything pass: its spans are SERVER ones.
 *
 * Per call: `opentelemetry: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
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
    description: 'Duration of calls with all their attempts and pauses.',
    unit: 's',
    advice,
  });
  const decisions = countDecisions(meter);
  /** By `ctx.state`, which all forks of a call share. */
  const known = privateState<{ telemetry: Telemetry | undefined; sent: number }>();
  const callOf = ({ state }: Context) => {
    let call = known.get(state);
    if (call === undefined) known.set(state, (call = { telemetry: undefined, sent: 0 }));
    return call;
  };
  const isOff = ({ options, side }: Context): boolean => options['opentelemetry'] === false || side === 'server';

  async function opentelemetry(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    if (isOff(ctx)) return next();
    const common = attributesOf(ctx.request);
    const attributes = { ...common, 'url.full': redact.url(ctx.request.url), 'kyoa.request.id': ctx.id };
    const span = tracer.startSpan(`kyoa ${nameOf(common)}`, { attributes });
    const telemetry = trace.setSpan(context.active(), span);
    callOf(ctx).telemetry = telemetry;

    return context.with(telemetry, observeCall, undefined, ctx, next, (event: KyoaEvent) => {
      decisions(event);
      if (event.type === 'request.settled') {
        const ended = { ...endOf(event), 'kyoa.attempts': event.attempts };
        finish(span, ended, callResult(event, ctx) === 'failure');
        const outcome = { 'kyoa.outcome': callResult(event, ctx) };
        calls.record(event.duration / 1_000, { ...common, ...outcome }, telemetry);
      } else if (!/^(request|attempt)\./.test(event.type) && span.isRecording()) {
        span.addEvent(event.type, factsOf(event, redact), event.time);
      }
    });
  }

  async function attempt(...[ctx, next]: Parameters<Middleware>): Promise<Response> {
    if (isOff(ctx)) return next();
    const call = callOf(ctx);
    const active = context.active();
    const parent = trace.getSpan(active) === undefined ? (call.telemetry ?? active) : active;
    const common = attributesOf(ctx.request);
    const span = tracer.startSpan(
      nameOf(common),
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...common,
          'url.full': redact.url(ctx.request.url),
          ...(common['http.request.method'] === other && { 'http.request.method_original': ctx.request.method }),
          ...(call.sent > 0 && { 'http.request.resend_count': call.sent }),
        },
      },
      parent,
    );
    call.sent += 1;
    const telemetry = trace.setSpan(parent, span);
    const started = performance.now();
    const ended = (outcome: { status: number } | { error: unknown }, failed: boolean): void => {
      const end = endOf(outcome);
      finish(span, end, failed);
      requests.record((performance.now() - started) / 1_000, { ...common, ...end }, telemetry);
    };
    try {
      const response = await context.with(telemetry, next, undefined, { request: carrying(ctx.request, telemetry) });
      ended({ status: response.status }, response.status >= 400);
      return response;
    } catch (error) {
      ended({ error }, callResult({ error }, ctx) === 'failure');
      throw error;
    }
  }

  return Object.assign(opentelemetry, { attempt });
}

function attributesOf(request: Request): Attributes & { readonly 'http.request.method': string } {
  const { address, port } = serverOf(request.url);
  return {
    'http.request.method': methodOf(request),
    'server.address': address,
    ...(port !== undefined && { 'server.port': port }),
  };
}

function nameOf({ 'http.request.method': method }: { readonly 'http.request.method': string }): string {
  return method === other ? 'HTTP' : method;
}

/** A client counts 4xx as errors, too (HTTP spans, status). */
function endOf({ status, error }: { readonly status?: number; readonly error?: unknown }): Attributes {
  if (status === undefined) return { 'error.type': errorTypeOf(error) };
  return { 'http.response.status_code': status, ...(status >= 400 && { 'error.type': String(status) }) };
}

function finish(span: Span, attributes: Attributes, failed: boolean): void {
  span.setAttributes(attributes);
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The request with the headers of the propagator; as it is when there is none. */
function carrying(request: Request, telemetry: Telemetry): Request {
  const headers: Record<string, string> = {};
  propagation.inject(telemetry, headers);
  const entries = Object.entries(headers);
  if (entries.length === 0) return request;
  const copy = new Request(request);
  for (const [name, value] of entries) copy.headers.set(name, value);
  return copy;
}

function countDecisions(meter: Meter): (event: KyoaEvent) => void {
  const all = new Map(
    Object.entries(counters).map(([type, { name, help, by = {} }]) => {
      const counter = meter.createCounter(`kyoa.${name}`, { description: help });
      return [type, { counter, labels: Object.keys(by) }];
    }),
  );
  return (event) => {
    const found = all.get(event.type);
    if (found === undefined) return;
    const facts = event as unknown as Attributes;
    found.counter.add(1, Object.fromEntries(found.labels.map((label) => [`kyoa.${label}`, facts[label]])));
  };
}

/** What an attribute can hold; an error by its type, for its message may tell secrets. */
function factsOf({ type: _type, id: _id, time: _time, ...facts }: KyoaEvent, redact: Redactor): Attributes {
  const attributes: Attributes = {};
  for (const [name, fact] of Object.entries(facts)) {
    if (name === 'error') attributes['error.type'] = errorTypeOf(fact);
    else if (name === 'url') attributes['url.full'] = redact.url(String(fact));
    else if (typeof fact === 'string' || typeof fact === 'number' || typeof fact === 'boolean') attributes[name] = fact;
  }
  return attributes;
}
