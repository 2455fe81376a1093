import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFetch, fallback, type Outcome } from '../../src/index.ts';
import { silent, stub } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { url } from '../support/http.ts';

describe('fallback', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  test('responds with 200 and a plain value as JSON', async () => {
    const { fetch, events } = stub([fallback(() => ({ users: [] }))], () => new Response('down', { status: 503 }));
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual({ users: [] });
    expect(events).toContainEqual(expect.objectContaining({ type: 'fallback.used', status: 503 }));
  });

  test('responds with a Response that it makes from the failed outcome', async () => {
    const seen: Outcome[] = [];
    const error = new TypeError('fetch failed');
    const { fetch } = stub(
      [fallback((outcome) => (seen.push(outcome), new Response('from the cache', { status: 203 })))],
      () => {
        throw error;
      },
    );
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([203, 'from the cache']);
    expect(seen).toEqual([{ error }]);
  });

  test.each([200, 404, 429])('passes on a response with %i', async (status) => {
    const { fetch } = stub([fallback(() => 'substitute')], () => new Response('mine', { status }));
    expect(await (await fetch(url)).text()).toBe('mine');
  });

  test('replaces the outcomes for which `when` returns true, also with the `when` of a call', async () => {
    const { fetch } = stub(
      [fallback(() => 'x', { when: ({ response }) => response?.status === 404 })],
      (attempt) => new Response('mine', { status: attempt === 1 ? 404 : 500 }),
    );
    expect(await (await fetch(url)).json()).toBe('x');
    expect(await (await fetch(url)).text()).toBe('mine');
    expect(await (await fetch(url, { fallback: { when: () => true } })).json()).toBe('x');
    expect(await (await fetch(url, { fallback: false })).text()).toBe('mine');
  });

  test('rejects with the error that its function throws', async () => {
    const { fetch } = stub(
      [fallback(() => Promise.reject(new Error('nor this')))],
      () => new Response(null, { status: 500 }),
    );
    await expect(fetch(url)).rejects.toThrow('nor this');
  });

  test('gives no substitute to a caller that aborts', async () => {
    const fetch = createFetch({ use: [fallback(() => 'x')], fetch: silent });
    const leaving = new AbortController();
    const pending = fetch(url, { signal: leaving.signal });
    leaving.abort('gone');
    await expect(pending).rejects.toBe('gone');
  });

  test('discards the response that it replaces', async () => {
    const fetch = createFetch({ use: [fallback(() => 'x')] });
    await (await fetch(server.url('/endless?status=503&gap=5'))).json();
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('throws for invalid options', () => {
    expect(() => fallback({} as never)).toThrow('fallback respond must be a function');
    expect(() => fallback(() => 1, { if: 1 } as never)).toThrow('fallback has no option if; it has when');
  });
});
