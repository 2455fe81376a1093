/** Telemetry that fails, in every place where it can: the call gets its own outcome, as without telemetry. */
import { context, metrics as metricsApi, propagation, ROOT_CONTEXT, trace as traceApi } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { opentelemetry } from '../../adapters/telemetry/opentelemetry.ts';
import { prometheus } from '../../adapters/telemetry/prometheus.ts';
import { constant, createFetch, log, metrics, observe, retry, trace, type Middleware } from '../../src/index.ts';

const url = 'http://api.example/users';

function fault(): never {
  throw new Error('telemetry is broken');
}

/** An object whose methods work, except those with the given names. */
function broken<T extends object>(real: T, names: readonly string[]): T {
  return new Proxy(real, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (names.includes(String(name))) return fault;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const result = Reflect.apply(member, target, args) as unknown;
        return typeof result === 'object' && result !== null ? broken(result, names) : result;
      };
    },
  });
}

const tracer = (...names: string[]): Middleware[] => {
  const otel = opentelemetry({ tracer: broken(traceApi.getTracer('test'), names) });
  return [otel, otel.attempt];
};

const meter = (...names: string[]): Middleware[] => {
  const otel = opentelemetry({ meter: broken(metricsApi.getMeter('test'), names) });
  return [otel, otel.attempt];
};

const registry = (name: string): Middleware[] => {
  const own = new Registry();
  const policy = prometheus({ registry: own });
  for (const metric of own.getMetricsAsArray()) Object.assign(metric, { [name]: fault });
  return [policy];
};

const faults: readonly [what: string, use: () => Middleware[]][] = [
  ['a write of log that throws', () => [log({ write: fault })]],
  ['a write of log that rejects', () => [log({ write: async () => fault() })]],
  ['a listener that throws', () => [observe(fault)]],
  ['a key of metrics that throws', () => [metrics({ key: fault })]],
  ['a tracer that throws', () => tracer('startSpan')],
  ['a span that throws', () => tracer('setAttributes', 'setStatus', 'end', 'addEvent', 'isRecording', 'spanContext')],
  ['a histogram that throws', () => meter('record')],
  ['a counter that throws', () => meter('add')],
  ['a Prometheus histogram that throws', () => registry('observe')],
  ['a Prometheus counter that throws', () => registry('inc')],
  ['a Prometheus gauge that throws', () => registry('dec')],
];

const outcomes: readonly [what: string, respond: () => Promise<Response>][] = [
  ['a response', async () => new Response('fine', { status: 201 })],
  ['a response that is retried', async () => new Response(null, { status: 503 })],
  ['an error', () => Promise.reject(new TypeError('no route'))],
  ['a value that is no error', () => Promise.reject(Object.create(null))],
  ['an error that cannot be read', () => Promise.reject(unreadable())],
];

function unreadable(): Error {
  const names = ['name', 'message', 'cause', 'code', 'status'];
  return Object.defineProperties(new Error('x'), Object.fromEntries(names.map((name) => [name, { get: fault }])));
}

/** Judges a call by its status alone: to read the error is left to telemetry. */
const again = retry({ retries: 1, backoff: constant(0), when: ({ response }) => response?.status === 503 });

/** Whether the caller gets the very outcome of the transport. */
async function isUnchanged(
  [first, ...more]: readonly Middleware[],
  respond: () => Promise<Response>,
): Promise<boolean> {
  let outcome: unknown;
  const note = (settled: unknown): unknown => (outcome = settled);
  const transport = (): Promise<Response> => {
    const response = respond();
    response.then(note, note);
    return response;
  };
  const seen: unknown = await createFetch({ use: [first!, again, ...more], fetch: transport })(url).catch(
    (error: unknown) => error,
  );
  return seen === outcome;
}

describe('a call', () => {
  beforeEach(() => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
    propagation.disable();
    context.disable();
  });

  describe.each(faults)('under %s', (_what, use) => {
    test.each(outcomes)('gets %s unchanged', async (_what, respond) => {
      expect(await isUnchanged(use(), respond)).toBe(true);
    });
  });

  test.each(outcomes)('gets %s unchanged under all policies of telemetry', async (_what, respond) => {
    const otel = opentelemetry();
    const use = [
      log(),
      metrics(),
      prometheus({ registry: new Registry() }),
      trace(),
      observe(() => {}),
      otel,
      otel.attempt,
    ];
    expect(await isUnchanged(use, respond)).toBe(true);
  });

  test('is sent once, without a trace header, if the propagator throws', async () => {
    propagation.setGlobalPropagator({ inject: fault, extract: (context) => context, fields: () => [] });
    const otel = opentelemetry();
    const sent: Request[] = [];
    const fetch = createFetch({
      use: [otel, otel.attempt],
      fetch: async (...call) => (sent.push(new Request(...call)), new Response(null)),
    });
    expect((await fetch(url)).status).toBe(200);
    expect(sent.map(({ headers }) => headers.get('traceparent'))).toEqual([null]);
  });

  test.each(['before', 'after'])('is sent once if the context manager throws %s it runs the call', async (when) => {
    context.setGlobalContextManager({
      active: () => ROOT_CONTEXT,
      with: (_context, run, self, ...args) => {
        if (when === 'before') fault();
        Reflect.apply(run, self, args);
        return fault();
      },
      bind: (_context, target) => target,
      enable() {
        return this;
      },
      disable() {
        return this;
      },
    });
    const otel = opentelemetry();
    let sent = 0;
    const fetch = createFetch({ use: [otel, otel.attempt], fetch: async () => ((sent += 1), new Response(null)) });
    expect((await fetch(url)).status).toBe(200);
    expect(sent).toBe(1);
  });

  test('gets a line of limited length in the log, with any error', async () => {
    const lines: string[] = [];
    const use = [log({ write: (line) => lines.push(line) })];
    await isUnchanged(use, () => Promise.reject(unreadable()));
    await isUnchanged(use, () => Promise.reject(new Error('?a=//'.repeat(10_000), { cause: Object.create(null) })));
    await createFetch({ use, fetch: async () => new Response(null) })(`${url}?${'?a=//'.repeat(10_000)}%`, {
      requestId: 'id'.repeat(10_000),
    });
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThan(10_000);
    expect(lines[0]).toContain('an error that cannot be read');
  });
});
