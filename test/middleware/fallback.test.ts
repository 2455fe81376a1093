import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFetch, fallback, type Outcome } from '../../src/index.ts';
import { silent, stub } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';

const url = 'http://api.example/';

describe('fallback', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  test('turns a value into a JSON 200', async () => {
    const { fetch, events } = stub([fallback(() => ({ users: [] }))], () => new Response('down', { status: 503 }));
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual({ users: [] });
    expect(events).toContainEqual(expect.objectContaining({ type: 'fallback.used', status: 503 }));
  });

  test('hands out a Response as it is, made from what failed', async () => {
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

  test.each([200, 404, 429])('leaves a %i alone', async (status) => {
    const { fetch } = stub([fallback(() => 'substitute')], () => new Response('mine', { status }));
    expect(await (await fetch(url)).text()).toBe('mine');
  });

  test('`when` decides, also for a call', async () => {
    const { fetch } = stub(
      [fallback(() => 'x', { when: ({ response }) => response?.status === 404 })],
      (attempt) => new Response('mine', { status: attempt === 1 ? 404 : 500 }),
    );
    expect(await (await fetch(url)).json()).toBe('x');
    expect(await (await fetch(url)).text()).toBe('mine');
    expect(await (await fetch(url, { fallback: { when: () => true } })).json()).toBe('x');
    expect(await (await fetch(url, { fallback: false })).text()).toBe('mine');
  });

  test('throws what respond throws', async () => {
    const { fetch } = stub(
      [fallback(() => Promise.reject(new Error('nor this')))],
      () => new Response(null, { status: 500 }),
    );
    await expect(fetch(url)).rejects.toThrow('nor this');
  });

  test('gives a caller who left no substitute', async () => {
    const fetch = createFetch({ use: [fallback(() => 'x')], fetch: silent });
    const leaving = new AbortController();
    const answer = fetch(url, { signal: leaving.signal });
    leaving.abort('gone');
    await expect(answer).rejects.toBe('gone');
  });

  test('lets go of the answer it replaces', async () => {
    const fetch = createFetch({ use: [fallback(() => 'x')] });
    await (await fetch(server.url('/endless?status=503&gap=5'))).json();
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('refuses bad options', () => {
    expect(() => fallback({} as never)).toThrow('fallback respond must be a function');
    expect(() => fallback(() => 1, { if: 1 } as never)).toThrow('fallback has no option if; it has when');
  });
});
