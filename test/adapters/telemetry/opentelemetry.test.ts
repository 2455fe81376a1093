import { context, propagation, SpanKind, SpanStatusCode, trace as api } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { undici } from '../../../adapters/transport/undici/undici.ts';
import { opentelemetry, type OpenTelemetry } from '../../../adapters/telemetry/opentelemetry.ts';
import { durationBuckets } from '../../../src/telemetry/semantic-conventions.ts';
import {
  breaker,
  constant,
  createFetch,
  createHandler,
  dedupe,
  hedge,
  idempotency,
  latest,
  race,
  retry,
  timeout,
  type Fetch,
  type KyoaFetch,
  type Middleware,
} from '../../../src/index.ts';
import { silent } from '../../support/call.ts';
import { faultServer } from '../../support/faults.ts';
import { origin } from '../../support/origin.ts';
import { faults, type Fault } from '../../support/secrets.ts';

const url = 'http://api.example/users?page=2&token=s3cr3t';

interface Setup {
  readonly otel: OpenTelemetry;
  readonly tracer: ReturnType<TracerProvider['getTracer']>;
  readonly fetch: KyoaFetch;
  readonly sent: readonly Request[];
  readonly spans: () => readonly ReadableSpan[];
  /** The data points of the last collection, by the name of the metric. */
  readonly measured: (name: string) => Promise<readonly { attributes: object; value: unknown }[]>;
}

function setup(between: readonly Middleware[], respond: (attempt: number) => Response | Promise<Response>): Setup {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const measurements = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const tracer = provider.getTracer('test');
  const otel = opentelemetry({ tracer, meter: meters.getMeter('test'), redact: ['pet_name'] });
  const sent: Request[] = [];
  const transport: Fetch = async (input, init) => {
    sent.push(new Request(input, init));
    return respond(sent.length);
  };
  return {
    otel,
    tracer,
    fetch: createFetch({ use: [otel, ...between, otel.attempt], fetch: transport }),
    sent,
    spans: () => exporter.getFinishedSpans(),
    async measured(name) {
      await reader.forceFlush();
      const all = measurements
        .getMetrics()
        .at(-1)!
        .scopeMetrics.flatMap(({ metrics }) => metrics);
      const found = all.find(({ descriptor }) => descriptor.name === name);
      return found?.dataPoints ?? [];
    },
  };
}

const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const header = (request: Request): string => request.headers.get('traceparent') ?? 'none';
const isCall = ({ kind }: ReadableSpan): boolean => kind === SpanKind.INTERNAL;

describe('opentelemetry', () => {
  beforeAll(() => {
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  afterAll(() => {
    propagation.disable();
    context.disable();
  });

  test('creates a span for the call, and a child span for each attempt, whose traceparent the attempt sends', async () => {
    const again = retry({ retries: 2, backoff: constant(0) });
    const { fetch, spans, sent } = setup([again], (n) => new Response(null, { status: n < 3 ? 503 : 200 }));
    await fetch(url, { requestId: 'order-42' });
    const [first, second, third, call] = spans() as [ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan];
    expect(spans()).toHaveLength(4);
    const common = { 'http.request.method': 'GET', 'server.address': 'api.example', 'server.port': 80 };
    const at = { ...common, 'url.full': 'http://api.example/users?page=2&token=REDACTED' };
    const failed = { ...at, 'http.response.status_code': 503, 'error.type': '503' };
    expect(first.attributes).toEqual(failed);
    expect(second.attributes).toEqual({ ...failed, 'http.request.resend_count': 1 });
    expect(third.attributes).toEqual({ ...at, 'http.response.status_code': 200, 'http.request.resend_count': 2 });
    expect(call.attributes).toEqual({
      ...at,
      'http.response.status_code': 200,
      'kyoa.request.id': 'order-42',
      'kyoa.attempts': 3,
    });
    expect([first, second, third].map((span) => span.parentSpanContext?.spanId)).toEqual(Array(3).fill(idOf(call)));
    for (const span of [first, second, third]) expect(span).toMatchObject({ name: 'GET', kind: SpanKind.CLIENT });
    expect([call.name, call.kind]).toEqual(['kyoa GET', SpanKind.INTERNAL]);
    expect([first, third, call].map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
      SpanStatusCode.UNSET,
    ]);
    expect(sent.map(header)).toEqual(
      [first, second, third].map((span) => `00-${call.spanContext().traceId}-${idOf(span)}-01`),
    );
    expect(call.events.map(({ name }) => name)).toEqual(['retry.scheduled', 'retry.scheduled']);
    expect(call.events[0]!.attributes).toEqual({ retry: 1, delay: 0, status: 503 });
  });

  test('takes the active span as the parent', async () => {
    const { fetch, spans, tracer } = setup([], () => new Response(null));
    const parent = tracer.startSpan('checkout');
    await context.with(api.setSpan(context.active(), parent), () => fetch(url));
    expect(spans().find(isCall)?.parentSpanContext?.spanId).toBe(idOf(parent as unknown as ReadableSpan));
  });

  test('connects an attempt to its call even without a context manager', async () => {
    context.disable();
    try {
      const { fetch, spans } = setup(
        [retry({ retries: 1, backoff: constant(0) })],
        () => new Response(null, { status: 503 }),
      );
      await fetch(url);
      const call = spans().find(isCall)!;
      expect(
        spans()
          .filter((span) => !isCall(span))
          .map((span) => span.parentSpanContext?.spanId),
      ).toEqual([idOf(call), idOf(call)]);
    } finally {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    }
  });

  test('creates a span for a losing copy, and does not mark it as an error', async () => {
    let lose!: (error: unknown) => void;
    const outrun = new Promise<Response>((_resolve, reject) => (lose = reject));
    const { fetch, spans, sent, measured } = setup([hedge({ delay: 0 })], (n) =>
      n === 1 ? outrun : new Response(null),
    );
    await fetch(url);
    lose(new DOMException('outrun', 'AbortError'));
    await expect.poll(() => spans().length).toBe(3);
    const attempts = spans().filter((span) => !isCall(span));
    expect(new Set(sent.map(header)).size).toBe(2);
    expect(attempts.map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
    expect(attempts[1]!.attributes).not.toHaveProperty('error.type');
    const points = await measured('http.client.request.duration');
    expect(points.filter(({ attributes }) => 'error.type' in attributes)).toEqual([]);
    expect(
      spans()
        .find(isCall)!
        .events.map(({ name }) => name),
    ).toEqual(['hedge.launched', 'hedge.won']);
  });

  test('adds replays, shared requests and circuit changes to the span of the call', async () => {
    const stack = [dedupe(), idempotency(), breaker({ volume: 1 })];
    const { fetch, spans } = setup(stack, (n) => new Response('{}', { status: n === 3 ? 500 : 201 }));
    const order = { method: 'POST', body: '{}', requestId: 'order-42' };
    await (await fetch(url, order)).text();
    await (await fetch(url, order)).text();
    await Promise.all([fetch(url), fetch(url)]);
    await fetch('http://down.example/');
    await expect(fetch('http://down.example/')).rejects.toThrow('failed');
    const names = spans()
      .filter(isCall)
      .map(({ events }) => events.map(({ name }) => name));
    expect(names).toEqual([
      [],
      ['idempotency.replayed'],
      [],
      ['dedupe.joined'],
      ['breaker.opened'],
      ['breaker.rejected'],
    ]);
    const refused = spans().filter(isCall).at(-1)!;
    expect(refused.attributes).toMatchObject({ 'error.type': 'CIRCUIT_OPEN', 'kyoa.attempts': 0 });
    expect(refused.status.code).toBe(SpanStatusCode.ERROR);
    expect(spans().filter((span) => !isCall(span))).toHaveLength(3);
  });

  test('measures requests in seconds, under the name and buckets of the conventions', async () => {
    const { fetch, measured } = setup(
      [retry({ retries: 1, backoff: constant(0) })],
      () => new Response(null, { status: 503 }),
    );
    await fetch(url);
    const [point] = await measured('http.client.request.duration');
    expect(point!.attributes).toEqual({
      'http.request.method': 'GET',
      'server.address': 'api.example',
      'server.port': 80,
      'http.response.status_code': 503,
      'error.type': '503',
    });
    expect(point!.value).toMatchObject({ count: 2, buckets: { boundaries: durationBuckets } });
    expect(await measured('kyoa.retries')).toMatchObject([{ value: 1, attributes: {} }]);
    expect(await measured('kyoa.retries_abandoned')).toMatchObject([
      { value: 1, attributes: { 'kyoa.reason': 'retries' } },
    ]);
    expect(await measured('kyoa.call.duration')).toMatchObject([{ attributes: { 'kyoa.outcome': 'failure' } }]);
  });

  test('measures the duration that the server measured, within 5 %', async () => {
    const saw: number[] = [];
    await using server = await origin(({ response }) => {
      const started = performance.now();
      setTimeout(() => {
        response.end('fine');
        saw.push(performance.now() - started);
      }, 1_000);
    });
    const { otel, spans, measured } = setup([], () => new Response(null));
    const fetch = createFetch({ use: [otel, otel.attempt] });
    const sum = async (): Promise<number> => {
      const [point] = await measured('http.client.request.duration');
      return 1_000 * (point!.value as { sum: number }).sum;
    };
    await (await fetch(server.url)).text(); // connects
    const before = await sum();
    await (await fetch(server.url)).text();
    const attempt = spans().filter((span) => !isCall(span))[1];
    const [seconds, nanos] = attempt!.duration;
    expect(Math.abs(seconds * 1_000 + nanos / 1e6 - saw[1]!)).toBeLessThan(saw[1]! * 0.05);
    expect(Math.abs((await sum()) - before - saw[1]!)).toBeLessThan(saw[1]! * 0.05);
    expect(server.exchanges[1]!.request.headers['traceparent']).toContain(idOf(attempt!));
  });

  test('exports an unknown method as _OTHER, with the span name HTTP', async () => {
    const { fetch, spans } = setup([], () => new Response(null));
    await fetch(url, { method: 'BREW' });
    expect(spans()[0]).toMatchObject({
      name: 'HTTP',
      attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' },
    });
  });

  test('exports a limit that expired as an error of the type TIMEOUT', async () => {
    const { fetch, spans } = setup([timeout({ headers: 5 })], () => new Promise(() => {}));
    await expect(fetch(url)).rejects.toThrow('within 5 ms');
    expect(spans().find(isCall)).toMatchObject({ attributes: { 'error.type': 'TIMEOUT' }, status: { code: 2 } });
  });

  test.each([
    ['an error', new Error('the user left')],
    ['a text', 'left'],
    ['no reason', undefined],
  ])('does not mark a call that its caller aborted with %s as an error', async (_what, reason) => {
    const { otel, spans, measured } = setup([], () => new Response(null));
    const caller = new AbortController();
    const call = createFetch({ use: [otel, retry(), otel.attempt], fetch: silent })(url, { signal: caller.signal });
    caller.abort(reason);
    await expect(call).rejects.toBe(caller.signal.reason);
    expect(spans()).toHaveLength(2);
    for (const { attributes, status } of spans()) {
      expect(attributes).not.toHaveProperty('error.type');
      expect(status.code).toBe(SpanStatusCode.UNSET);
    }
    expect((await measured('http.client.request.duration'))[0]!.attributes).not.toHaveProperty('error.type');
    expect((await measured('kyoa.call.duration'))[0]!.attributes).toMatchObject({ 'kyoa.outcome': 'aborted' });
  });

  test.each([
    ['the global fetch', () => undefined],
    ['undici()', () => undici()],
  ])('marks no copy as an error that lost a hedge, a race or to a newer call, over %s', async (_what, transportOf) => {
    const transport = transportOf();
    await using server = await faultServer();
    const good = server.url('/ok');
    let first = true;
    /** The first copy of a call waits until it is aborted. */
    const slowFirst: Middleware = (_ctx, next) => {
      const url = first ? server.url('/blackhole') : good;
      first = false;
      return next({ url });
    };
    const losers = [hedge({ delay: 1 }), race([server.url('/a'), server.url('/b')]), latest({ key: () => 'search' })];
    for (const policy of losers) {
      const { otel, spans } = setup([], () => new Response(null));
      const use = [otel, policy, slowFirst, otel.attempt];
      const fetch = createFetch({ use, ...(transport && { fetch: transport }) });
      first = true;
      const older = fetch(good).catch(() => undefined);
      if (policy.name === 'latest') await (await fetch(good)).text();
      await (await older)?.text();
      await expect.poll(() => spans().filter((span) => !isCall(span)).length).toBe(2);
      for (const { attributes, status } of spans()) {
        expect(attributes).not.toHaveProperty('error.type');
        expect(status.code).toBe(SpanStatusCode.UNSET);
      }
    }
    await transport?.close();
  });

  test('marks a call as an error whose caller set a limit that expired', async () => {
    const { otel, spans } = setup([], () => new Response(null));
    const caller = new AbortController();
    const call = createFetch({ use: [otel], fetch: silent })(url, { signal: caller.signal });
    caller.abort(new DOMException('too late', 'TimeoutError')); // as AbortSignal.timeout does
    await expect(call).rejects.toThrow('too late');
    expect(spans()[0]).toMatchObject({
      attributes: { 'error.type': 'TimeoutError' },
      status: { code: SpanStatusCode.ERROR },
    });
  });

  test('lets each part work without the other', async () => {
    const { otel, spans, sent } = setup([], () => new Response(null));
    const transport: Fetch = async (...call) => ((sent as Request[]).push(new Request(...call)), new Response(null));
    await createFetch({ use: [otel], fetch: transport })(url);
    await createFetch({ use: [retry(), otel.attempt], fetch: transport })(url);
    expect(spans().map(({ kind }) => kind)).toEqual([SpanKind.INTERNAL, SpanKind.CLIENT]);
    expect(sent.map(header)).toEqual(['none', expect.stringContaining(idOf(spans()[1]!))]);
  });

  test('keeps the body of a request', async () => {
    const { fetch, sent } = setup([], async () => new Response(await sent.at(-1)!.text()));
    expect(await (await fetch(url, { method: 'POST', body: 'text' })).text()).toBe('text');
  });

  test('passes through a call that switches it off, and every call of a handler', async () => {
    const { fetch, otel, spans, sent } = setup([], () => new Response(null));
    await fetch(url, { opentelemetry: false });
    await createHandler({ use: [otel, otel.attempt] }, () => new Response(null))(new Request(url));
    expect([spans().length, sent.map(header)]).toEqual([0, ['none']]);
  });

  test('puts no secret into a span', async () => {
    let fault: Fault;
    const { fetch, spans } = setup([retry({ backoff: constant(0) })], async () => fault.respond());
    for (const plant of faults) {
      fault = plant('s3cr3t');
      await fetch(...fault.call).catch(() => {});
    }
    const exported = spans().map(({ name, attributes, events, status }) =>
      JSON.stringify({ name, attributes, events, status }),
    );
    expect(exported.length).toBeGreaterThan(2 * faults.length - 1);
    expect(exported.filter((text) => text.includes('s3cr3t'))).toEqual([]);
  });

  test.each([
    [{ tracer: {} }, /tracer must be a Tracer/],
    [{ meter: {} }, /meter must be a Meter/],
    [{ spans: true }, /no option spans/],
  ])('refuses %j', (options, message) => {
    expect(() => opentelemetry(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
