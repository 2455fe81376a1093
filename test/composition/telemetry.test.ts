/** What telemetry reports of a call when another policy responds to it, shares it or rejects it. */
import { describe, expect, test } from 'vitest';
import {
  breaker,
  constant,
  createFetch,
  dedupe,
  idempotency,
  log,
  metrics,
  observe,
  retry,
  standard,
  trace,
  type Middleware,
} from '../../src/index.ts';

const url = 'http://api.example/users';

type Line = Record<string, unknown> & { readonly error?: { readonly code?: string } };

function watch(inner: readonly Middleware[], respond: (sent: Request) => Response | Promise<Response>) {
  const lines: Line[] = [];
  const sent: Request[] = [];
  const policy = metrics();
  const fetch = createFetch({
    use: [log({ write: (line) => lines.push(JSON.parse(line) as Line) }), policy, ...inner],
    fetch: async (input, init) => {
      const request = new Request(input, init);
      sent.push(request);
      return respond(request);
    },
  });
  return { fetch, lines, sent, snapshot: () => policy.snapshot() };
}

const traceIds = (sent: readonly Request[]): unknown[] => sent.map((it) => it.headers.get('traceparent')?.slice(3, 35));

describe('telemetry', () => {
  test.each([
    ['outside log', (stack: Middleware[]) => [trace(), ...stack]],
    ['inside retry', (stack: Middleware[]) => [...stack, trace()]],
  ])('logs the trace that is sent, with trace %s', async (_where, place) => {
    const lines: Line[] = [];
    const sent: Request[] = [];
    const policy = log({ write: (line) => lines.push(JSON.parse(line) as Line) });
    const fetch = createFetch({
      use: place([policy, retry({ retries: 1, backoff: constant(0) })]),
      fetch: async (input, init) => (sent.push(new Request(input, init)), new Response(null, { status: 503 })),
    });
    await fetch(url);
    await fetch(url);
    const [first, , second] = traceIds(sent);
    expect(traceIds(sent)).toEqual([first, first, second, second]);
    expect(lines.map(({ traceId }) => traceId)).toEqual([first, second]);
  });

  test('logs one line for each caller of a shared request, and one attempt in all', async () => {
    const { fetch, lines, sent, snapshot } = watch([trace(), dedupe()], () => new Response('x'));
    await Promise.all([fetch(url), fetch(url), fetch(url)]);
    expect(sent).toHaveLength(1);
    expect(lines.map(({ attempts }) => attempts)).toEqual([1, 0, 0]);
    expect(new Set(lines.map(({ traceId }) => traceId)).size).toBe(3);
    expect(lines[0]!['traceId']).toBe(traceIds(sent)[0]);
    expect(snapshot()).toMatchObject({ calls: 3, attempts: 1 });
  });

  test('logs no trace for a caller that joins a shared request, with trace inside dedupe', async () => {
    const { fetch, lines, sent } = watch([dedupe(), trace()], () => new Response('x'));
    await Promise.all([fetch(url), fetch(url)]);
    expect(lines.map(({ traceId }) => traceId)).toEqual([traceIds(sent)[0], undefined]);
  });

  test('counts a replayed response as a call without an attempt', async () => {
    const { fetch, lines, snapshot } = watch([idempotency(), trace()], () => new Response('{}', { status: 201 }));
    const order = { method: 'POST', body: '{}', requestId: 'order-42' };
    await (await fetch(url, order)).text();
    await (await fetch(url, order)).text();
    expect(lines).toMatchObject([
      { id: 'order-42', status: 201, attempts: 1 },
      { id: 'order-42', status: 201, attempts: 0 },
    ]);
    expect(snapshot()).toMatchObject({ calls: 2, attempts: 1, errors: 0 });
  });

  test('counts a rejection by the breaker as an error without an attempt', async () => {
    const { fetch, lines, snapshot } = watch([breaker({ volume: 1 })], () => new Response(null, { status: 500 }));
    await fetch(url);
    await expect(fetch(url)).rejects.toThrow('failed');
    expect(lines).toMatchObject([
      { status: 500, attempts: 1 },
      { level: 'error', attempts: 0, error: { code: 'CIRCUIT_OPEN' } },
    ]);
    expect(snapshot()).toMatchObject({ calls: 2, errors: 2, attempts: 1 });
  });

  test('logs one line for the call outside the standard stack, and one for each attempt inside it', async () => {
    const attempts: unknown[] = [];
    const inside = log({ write: (line) => attempts.push((JSON.parse(line) as Line)['status']) });
    const { fetch, lines } = watch(
      [...standard({ retry: { retries: 2, backoff: constant(0) } }), inside, trace()],
      () => new Response(null, { status: 503 }),
    );
    await fetch(url);
    expect(attempts).toEqual([503, 503, 503]);
    expect(lines).toMatchObject([{ status: 503, attempts: 3, level: 'error' }]);
  });

  test('leaves all events to an observer inside log, metrics and trace', async () => {
    const types: string[] = [];
    const { fetch } = watch([observe(({ type }) => types.push(type)), trace()], () => new Response(null));
    await fetch(url);
    expect(types).toEqual(['request.started', 'attempt.sent', 'attempt.answered', 'request.settled']);
  });
});
