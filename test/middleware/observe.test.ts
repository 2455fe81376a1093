import { describe, expect, test, vi } from 'vitest';
import { constant, createFetch, observe, retry, type KyoaEvent } from '../../src/index.ts';

const url = 'http://api.example/users?page=2';
const events: KyoaEvent[] = [];
const listen = observe((event) => events.push(event));

describe('observe', () => {
  test('receives each event of a call from start to end, with one id and a time', async () => {
    events.length = 0;
    let attempt = 0;
    const fetch = createFetch({
      use: [listen, retry({ backoff: constant(0) })],
      fetch: async () => new Response('x', { status: (attempt += 1) === 1 ? 503 : 200 }),
    });
    const before = Date.now();
    await fetch(url, { requestId: 'order-42' });
    expect(events).toMatchObject([
      { type: 'request.started', method: 'GET', url },
      { type: 'attempt.sent', attempt: 1, method: 'GET', url },
      { type: 'attempt.answered', attempt: 1, status: 503 },
      { type: 'retry.scheduled', retry: 1, delay: 0, status: 503 },
      { type: 'attempt.sent', attempt: 2 },
      { type: 'attempt.answered', attempt: 2, status: 200 },
      { type: 'request.settled', method: 'GET', url, status: 200, attempts: 2 },
    ]);
    for (const event of events) {
      expect(event.id).toBe('order-42');
      expect(event.time).toBeGreaterThanOrEqual(before);
      expect(event.time).toBeLessThanOrEqual(Date.now());
    }
  });

  test('gives each call its own id when the caller gives no requestId', async () => {
    events.length = 0;
    const fetch = createFetch({ use: [listen], fetch: async () => new Response(null) });
    await Promise.all([fetch(url), fetch(url)]);
    const ids = new Set(events.map(({ id }) => id));
    expect(ids.size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  test('reports the start and the end of the call outside retry, and of each attempt inside retry', async () => {
    const outer: string[] = [];
    const inner: string[] = [];
    const fetch = createFetch({
      use: [
        observe(({ type }) => outer.push(type)),
        retry({ retries: 1, backoff: constant(0) }),
        observe(({ type }) => inner.push(type)),
      ],
      fetch: async () => new Response(null, { status: 500 }),
    });
    await fetch(url);
    const calls = (types: string[]): string[] => types.filter((type) => type.startsWith('request.'));
    expect(calls(outer)).toEqual(['request.started', 'request.settled']);
    expect(calls(inner)).toEqual(['request.started', 'request.settled', 'request.started', 'request.settled']);
    expect(outer).toContain('retry.scheduled');
    expect(inner).not.toContain('retry.scheduled');
  });

  test('receives an error as it was thrown', async () => {
    events.length = 0;
    const error = new Error('no route');
    const fetch = createFetch({ use: [listen], fetch: () => Promise.reject(error) });
    await expect(fetch(url)).rejects.toBe(error);
    expect(events.at(-2)).toMatchObject({ type: 'attempt.failed', error });
    expect(events.at(-1)).toMatchObject({ type: 'request.settled', error, attempts: 1 });
  });

  test('reports a listener that throws or rejects, and the call goes on', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const fetch = createFetch({
      use: [
        observe(() => {
          throw new Error('thrown');
        }),
        observe(async () => {
          throw new Error('rejected');
        }),
        listen,
      ],
      fetch: async () => new Response('fine'),
    });
    events.length = 0;
    expect(await (await fetch(url)).text()).toBe('fine');
    expect(events.map(({ type }) => type)).toEqual([
      'request.started',
      'attempt.sent',
      'attempt.answered',
      'request.settled',
    ]);
    await vi.waitFor(() =>
      expect(reported.mock.calls.flat().map(String)).toEqual(
        expect.arrayContaining(['Error: thrown', 'Error: rejected']),
      ),
    );
    reported.mockRestore();
  });

  test('reports a listener once, for all its events and calls, and another listener once, too', async () => {
    const reports = vi.spyOn(console, 'error').mockImplementation(() => {});
    const failing = (error: string) =>
      observe(() => {
        throw new Error(error);
      });
    const rejecting = observe(() => Promise.reject(new Error('rejected')) as never);
    const fetch = createFetch({
      use: [failing('first'), failing('second'), rejecting],
      fetch: async () => new Response('fine'),
    });
    for (let n = 0; n < 3; n += 1) await (await fetch(url)).text();
    await vi.waitFor(() => expect(reports.mock.calls.flat().map(String)).toContain('Error: rejected'));
    const errors = reports.mock.calls.map(([, error]) => String(error));
    expect(errors.toSorted()).toEqual(['Error: first', 'Error: rejected', 'Error: second']);
    expect(reports.mock.calls[0]![0]).toBe('kyoa: a listener threw');
    reports.mockRestore();
  });

  test('receives the events that a middleware of the user emits', async () => {
    events.length = 0;
    const fetch = createFetch({
      use: [listen, async (ctx, next) => (ctx.emit({ type: 'cache.missed', key: 7 }), next())],
      fetch: async () => new Response(null),
    });
    await fetch(url);
    expect(events).toContainEqual(expect.objectContaining({ type: 'cache.missed', key: 7 }));
  });

  test('receives nothing of a call with observe: false', async () => {
    events.length = 0;
    await createFetch({ use: [listen], fetch: async () => new Response(null) })(url, { observe: false });
    expect(events).toEqual([]);
  });

  test('throws for a listener that is no function', () => {
    expect(() => observe('log' as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
