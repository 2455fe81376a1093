/** `fallback` and `staleIfError` over retry: a substitute comes last, and only for who still waits for it. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { constant, fallback, memory, retry, staleIfError, type Outcome } from '../../src/index.ts';
import { watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { expectQuiet } from '../support/sockets.ts';

describe('substitutes', () => {
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

  test('fallback over retry is asked once, after the last attempt, with its outcome still readable', async () => {
    const said: unknown[] = [];
    const respond = async ({ response }: Outcome): Promise<unknown> => {
      said.push(await response?.json());
      return { instead: true };
    };
    const { fetch } = watched([fallback(respond), persistent]);
    expect(await (await fetch(script('503'))).json()).toEqual({ instead: true });
    expect(said).toEqual([expect.objectContaining({ path: '/sequence' })]);
    expect(server.requests).toHaveLength(3);
    expect(await (await fetch(script('503,ok'))).json()).toMatchObject({ path: '/sequence' });
    expect(said).toHaveLength(1);
  });

  test('fallback over retry: the endless body of the last attempt is let go', async () => {
    const { fetch } = watched([fallback(() => 'instead'), persistent]);
    expect(await (await fetch(server.url('/endless?bytes=65536'))).json()).toBe('instead');
    await server.until(({ aborted }) => aborted.length === 3);
  });

  test('a caller who leaves in a pause gets the own reason from both, and no substitute', async () => {
    const substitute = vi.fn<() => string>(() => 'instead');
    const { fetch, events } = watched([
      fallback(substitute),
      staleIfError(),
      retry({ retries: 1, backoff: constant(60_000) }),
    ]);
    const leaving = new AbortController();
    const error = fetch(script('503,ok'), { signal: leaving.signal }).catch((thrown: unknown) => thrown);
    await vi.waitFor(() => expect(events.map(({ type }) => type)).toContain('retry.scheduled'));
    leaving.abort('gone');
    expect(await error).toBe('gone');
    expect(substitute).not.toHaveBeenCalled();
    expect(server.requests).toHaveLength(1);
  });

  test('staleIfError over retry: what a retry mends is kept, and what it cannot mend is replaced by that', async () => {
    const storage = memory();
    const kept = vi.spyOn(storage, 'set');
    const { fetch } = watched([staleIfError({ storage }), persistent]);
    // The server's answers are `no-store` otherwise.
    const target = `${script('503,ok,reset,503,hang')}&headers={"cache-control":"private"}`;
    const fresh = await (await fetch(target)).text();
    await vi.waitFor(() => expect(kept).toHaveResolved());
    expect(server.requests).toHaveLength(2);
    const stale = await fetch(target, { retry: 1 });
    expect(stale.headers.get('warning')).toMatch(/^111 /);
    expect(await stale.text()).toBe(fresh);
    expect(server.requests).toHaveLength(4);
    expect(kept).toHaveBeenCalledTimes(1);
  });
});
