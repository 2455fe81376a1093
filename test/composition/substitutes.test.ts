/** `fallback` and `staleIfError` outside `retry`: the substitute comes after the last attempt, and never after an abort. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { constant, fallback, memory, retry, staleIfError, type Outcome } from '../../src/index.ts';
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
