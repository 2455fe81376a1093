import { describe, expect, test } from 'vitest';
import { constant, createHandler, hedge, retry, trace } from '../../src/index.ts';
import { stub } from '../support/call.ts';

const url = 'http://api.example/users';
const given = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const form = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

const header = (request: Request): string[] => form.exec(request.headers.get('traceparent') ?? '')?.slice(1) ?? [];
const ids = (sent: readonly Request[], part: 0 | 1): Set<string> => new Set(sent.map((it) => header(it)[part]!));

describe('trace', () => {
  test('starts a new trace for each call', async () => {
    const { fetch, sent } = stub([trace()], () => new Response(null));
    await fetch(url);
    await fetch(url);
    expect(ids(sent, 0).size).toBe(2);
    expect(header(sent[0]!)[2]).toBe('01');
  });

  test('continues the trace of the caller with a new span, and passes on its state', async () => {
    const { fetch, sent } = stub([trace()], () => new Response(null));
    await fetch(url, { headers: { traceparent: given.replace(/01$/, '00'), tracestate: 'a=1,b=2' } });
    const [traceId, spanId, flags] = header(sent[0]!);
    expect([traceId, flags]).toEqual(['0af7651916cd43dd8448eb211c80319c', '00']);
    expect(spanId).not.toBe('b7ad6b7169203331');
    expect(sent[0]!.headers.get('tracestate')).toBe('a=1,b=2');
  });

  test('starts a new trace instead of an invalid header, and drops its state', async () => {
    const { fetch, sent } = stub([trace()], () => new Response(null));
    await fetch(url, { headers: { traceparent: given.toUpperCase(), tracestate: 'a=1' } });
    expect(header(sent[0]!)[0]).not.toBe('0af7651916cd43dd8448eb211c80319c');
    expect(sent[0]!.headers.has('tracestate')).toBe(false);
  });

  test('sends one trace for all attempts, with one span outside retry and one span an attempt inside retry', async () => {
    const again = retry({ retries: 2, backoff: constant(0) });
    for (const [use, spans] of [
      [[trace(), again], 1],
      [[again, trace()], 3],
      [[trace(), again, trace()], 3],
    ] as const) {
      const { fetch, sent } = stub(use, () => new Response(null, { status: 503 }));
      await fetch(url);
      expect([sent.length, ids(sent, 0).size, ids(sent, 1).size]).toEqual([3, 1, spans]);
    }
  });

  test('sends a span for each copy inside hedge', async () => {
    const { fetch, sent } = stub([hedge({ delay: 0 }), trace()], async (attempt) => {
      if (attempt === 1) await new Promise(() => {});
      return new Response(null);
    });
    await fetch(url);
    expect([sent.length, ids(sent, 0).size, ids(sent, 1).size]).toEqual([2, 1, 2]);
  });

  test('sends the body with each attempt, and leaves the Request of the caller unchanged', async () => {
    const bodies: string[] = [];
    const { fetch, sent } = stub(
      [retry({ methods: ['GET', 'POST'], backoff: constant(0) }), trace()],
      async (attempt) => {
        bodies.push(await sent.at(-1)!.text());
        return new Response(null, { status: attempt % 2 === 1 ? 503 : 200 });
      },
    );
    const request = new Request(url);
    await fetch(request);
    expect(request.headers.has('traceparent')).toBe(false);
    await fetch(url, { method: 'POST', body: 'text' });
    expect(bodies).toEqual(['', '', 'text', 'text']);
  });

  test('gives the handler a parent for its own requests', async () => {
    const handle = createHandler({ use: [trace()] }, ({ headers }) => new Response(headers.get('traceparent')));
    const response = await handle(new Request(url, { headers: { traceparent: given } }));
    const [, traceId, spanId] = form.exec(await response.text())!;
    expect(traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(spanId).not.toBe('b7ad6b7169203331');
  });

  test('adds no header to a call with trace: false', async () => {
    const { fetch, sent } = stub([trace()], () => new Response(null));
    await fetch(url, { trace: false });
    expect(sent[0]!.headers.has('traceparent')).toBe(false);
  });
});
