/** `fallback` and `staleIfError` outside `retry`: the substitute comes after the last attempt, and never after an abort. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { constant, createFetch, fallback, latest, memory, retry, staleIfError, type Outcome } from '../../src/index.ts';
import { watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

describe('outside retry,', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  const script = (steps: string): string => server.url(`/sequence?steps=${steps}&id=${crypto.randomUUID()}`);
  const persistent = retry({ retries: 2, backoff: constant(1) });

  test('fallback runs once, after the last attempt, and can still read its response', async () => {
    const failures: unknown[] = [];
    const respond = async ({ response }: Outcome): Promise<unknown> => {
      failures.push(await response?.json());
      return { instead: true };
    };
    const { fetch } = watched([fallback(respond), persistent]);
    expect(await (await fetch(script('503'))).json()).toEqual({ instead: true });
    expect(failures).toEqual([expect.objectContaining({ path: '/sequence' })]);
    expect(server.requests).toHaveLength(3);
    expect(await (await fetch(script('503,ok'))).json()).toMatchObject({ path: '/sequence' });
    expect(failures).toHaveLength(1);
  });

  test('fallback discards the endless body of the last attempt', async () => {
    const { fetch } = watched([fallback(() => 'instead'), persistent]);
    expect(await (await fetch(server.url('/endless?bytes=65536'))).json()).toBe('instead');
    await server.until(({ aborted }) => aborted.length === 3);
  });

  test('fallback and staleIfError reject with the caller’s own reason when it aborts in a pause, and give no substitute', async () => {
    const substitute = vi.fn<() => string>(() => 'instead');
    const { fetch, events } = watched([
      fallback(substitute),
      staleIfError(),
      retry({ retries: 1, backoff: constant(60_000) }),
    ]);
    const leaving = new AbortController();
    const error = reasonOf(fetch(script('503,ok'), { signal: leaving.signal }));
    await vi.waitFor(() => expect(events.map(({ type }) => type)).toContain('retry.scheduled'));
    leaving.abort('gone');
    expect(await error).toBe('gone');
    expect(substitute).not.toHaveBeenCalled();
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['a middleware', true],
    ['a transport', false],
  ])('a substitute takes the place of a call that %s has limited by an abort', async (_, isMiddleware) => {
    let limit!: AbortController;
    const limited = <Result>(send: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
      limit = new AbortController();
      return send(limit.signal);
    };
    const key = (): string => 'limited';
    for (const outer of [fallback(() => 'instead'), staleIfError({ key })]) {
      const fetch = createFetch({
        use: isMiddleware ? [outer, (_ctx, next) => limited((signal) => next({ signal }))] : [outer],
        ...(!isMiddleware && { fetch: (url, init) => limited((signal) => globalThis.fetch(url, { ...init, signal })) }),
      });
      await (await fetch(server.url('/ok?headers={"cache-control":"private"}'))).text();
      await vi.waitFor(async () => expect(await fetch(server.url('/status/503'))).toHaveProperty('status', 200));
      const silent = fetch(server.url('/blackhole'));
      await server.until(({ open }) => open > 0);
      limit.abort();
      expect(await silent).toHaveProperty('status', 200);
    }
  });

  test('fallback and staleIfError give no substitute to a call that latest has replaced', async () => {
    const substitute = vi.fn<() => string>(() => 'instead');
    const key = (): string => 'search';
    for (const outer of [
      fallback(substitute),
      staleIfError({ key }),
      staleIfError({ key, when: ({ response }) => response?.ok !== true }),
    ]) {
      const { fetch } = watched([outer, latest({ key })]);
      await (await fetch(server.url('/ok?headers={"cache-control":"private"}'))).text();
      await vi.waitFor(async () => expect(await fetch(server.url('/status/503'))).toHaveProperty('status', 200));
      substitute.mockClear();
      const replaced = reasonOf(fetch(server.url('/blackhole')));
      await server.until(({ open }) => open > 0);
      const newest = fetch(server.url('/ok?q=ab'));
      expect(await replaced).toMatchObject({ name: 'AbortError', message: 'Replaced by a newer call' });
      await (await newest).text();
    }
    expect(substitute).not.toHaveBeenCalled();
  });

  test('staleIfError stores the response of a successful retry, and serves it when all attempts fail', async () => {
    const storage = memory();
    const set = vi.spyOn(storage, 'set');
    const { fetch } = watched([staleIfError({ storage }), persistent]);
    // Without this header the responses of the server are `no-store`.
    const target = `${script('503,ok,reset,503,hang')}&headers={"cache-control":"private"}`;
    const fresh = await (await fetch(target)).text();
    await vi.waitFor(() => expect(set).toHaveResolved());
    expect(server.requests).toHaveLength(2);
    const stale = await fetch(target, { retry: 1 });
    expect(stale.headers.get('warning')).toMatch(/^111 /);
    expect(await stale.text()).toBe(fresh);
    expect(server.requests).toHaveLength(4);
    expect(set).toHaveBeenCalledTimes(1);
  });
});
