import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createFetch, latest, observe, retry, type Fetch, type Middleware } from '../../src/index.ts';
import { deaf, stub } from '../support/call.ts';
import { url } from '../support/http.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { expectQuiet } from '../support/sockets.ts';

const failed = (response: Promise<unknown>): Promise<unknown> => response.catch((error: unknown) => error);
const search = latest({ key: () => 'search' });

describe('latest', () => {
  test('rejects the replaced call at once with an AbortError, even if the transport ignores its signal', async () => {
    const fetch = createFetch({ use: [latest({ key: () => 'search' })], fetch: deaf });
    const first = failed(fetch(`${url}?q=a`));
    void failed(fetch(`${url}?q=ab`));
    expect(await first).toMatchObject({ name: 'AbortError', message: 'Replaced by a newer call' });
  });

  test('reports a replaced call once, by an event of that call', async () => {
    const events: [string, string][] = [];
    const noted = observe(({ type, id }) => events.push([type, id]));
    const fetch = createFetch({ use: [noted, latest({ key: () => 'search' })], fetch: deaf });
    const calls = ['a', 'ab', 'abc'].map((requestId) => failed(fetch(url, { requestId })));
    await Promise.all(calls.slice(0, 2));
    expect(events.filter(([type]) => type === 'latest.replaced')).toEqual([
      ['latest.replaced', 'a'],
      ['latest.replaced', 'ab'],
    ]);
  });

  test('aborts the replaced call in the async context of that call', async () => {
    const user = new AsyncLocalStorage<string>();
    const aborted: unknown[] = [];
    const transport: Fetch = (_input, init) => {
      init!.signal!.addEventListener('abort', () => aborted.push(user.getStore()));
      return deaf(_input, init);
    };
    const failures: unknown[] = [];
    const noteFailure: Middleware = (_ctx, next) =>
      next().catch((error: unknown) => {
        failures.push(user.getStore());
        throw error;
      });
    const fetch = createFetch({ use: [noteFailure, latest({ key: () => 'search' }), noteFailure], fetch: transport });
    const older = user.run('older', () => failed(fetch(url)));
    user.run('newer', () => void failed(fetch(url)));
    expect(await older).toMatchObject({ name: 'AbortError' });
    expect(aborted).toEqual(['older']);
    expect(failures).toEqual(['older']);
  });

  test('does not retry a replaced call', async () => {
    const { fetch, sent } = stub([latest({ key: () => 'search' }), retry()], (attempt) =>
      attempt === 1 ? new Response(null, { status: 503 }) : new Response('b'),
    );
    const first = failed(fetch(url));
    await new Promise((resolve) => setTimeout(resolve)); // it waits before its retry
    const second = await fetch(url);
    expect(await first).toMatchObject({ name: 'AbortError' });
    expect(await second.text()).toBe('b');
    expect(sent).toHaveLength(2);
  });

  test('does not affect calls with other keys or without a key', async () => {
    const { fetch } = stub(
      [latest({ key: ({ request }) => request.headers.get('x-field') ?? undefined })],
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return new Response(null);
      },
    );
    const fields = ['name', 'city', undefined, undefined];
    const responses = fields.map((field) => fetch(url, field === undefined ? {} : { headers: { 'x-field': field } }));
    expect((await Promise.all(responses)).every(({ ok }) => ok)).toBe(true);
  });

  test('is overridden for a call', async () => {
    const { fetch } = stub([latest({ key: () => 'search' })], async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return new Response(null);
    });
    const responses = [
      fetch(url),
      fetch(url, { latest: false }),
      fetch(url, { latest: { key: () => 'another' } }),
      fetch(url, { latest: { key: () => undefined } }),
    ];
    expect((await Promise.all(responses)).every(({ ok }) => ok)).toBe(true);
  });

  test('keeps the reason of the caller’s own abort', async () => {
    const fetch = createFetch({ use: [latest({ key: () => 'search' })], fetch: deaf });
    const leaving = new AbortController();
    const error = failed(fetch(url, { signal: leaving.signal }));
    leaving.abort('mine');
    expect(await error).toBe('mine');
  });

  test.each([
    ['latest key must be a function, got "q"', { key: 'q' }],
    ['latest key must be a function, got undefined', {}],
    ['latest has no option by; it has key', { by: () => 'q' }],
    ['latest must be an object', undefined],
  ])('refuses: %s', (message, options) => {
    expect(() => latest(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});

describe('latest on a real server', () => {
  let server: FaultServer;
  const fetch = createFetch({ use: [search] });
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('gives the last of several calls its response, and closes the connections of the others', async () => {
    const errors: Promise<unknown>[] = [];
    for (let n = 0; n < 5; n += 1) {
      errors.push(failed(fetch(server.url(`/blackhole?n=${n}`))));
      await server.until(({ busy }) => busy.some(({ url }) => url === `/blackhole?n=${n}`));
    }
    const response = await fetch(server.url('/ok'));
    await response.text();
    for (const error of await Promise.all(errors)) expect(error).toMatchObject({ name: 'AbortError' });
    await server.until(({ aborted }) => aborted.length === 5);
  });

  test('does not affect a call whose response has been returned', async () => {
    const older = await fetch(server.url('/drip/body'));
    const newer = await fetch(server.url('/ok'));
    expect((await older.text()).length).toBeGreaterThan(0);
    await newer.text();
    expect(server.aborted).toEqual([]);
  });
});
