/** `dedupe` beside other policies: the inner middleware runs once for all sharers, and a sharer that aborts ends nothing. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { constant, dedupe, hedge, latest, retry } from '../../src/index.ts';
import { stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

describe('dedupe', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('outside retry spends the retries once for ten sharers, and each reads the last response', async () => {
    const { fetch, sent } = stub(
      [dedupe(), retry({ retries: 2, backoff: constant(100) })],
      (attempt) => new Response(`no ${attempt}`, { status: 503 }),
    );
    const bodies = Array.from({ length: 10 }, async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(200);
    expect(new Set(await Promise.all(bodies))).toEqual(new Set(['no 3']));
    expect(sent).toHaveLength(3);
  });

  test('outside retry gives a caller that joins during a pause the next attempt, and sends none after all have aborted', async () => {
    const { fetch, sent } = stub(
      [dedupe(), retry({ retries: 2, backoff: constant(100) })],
      (attempt) => new Response('response', { status: attempt % 2 === 1 ? 503 : 200 }),
    );
    const leaving = new AbortController();
    const first = reasonOf(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(50);
    const second = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    leaving.abort('gone');
    expect(await first).toBe('gone');
    await vi.advanceTimersByTimeAsync(50);
    expect((await second).status).toBe(200);
    expect(sent).toHaveLength(2);

    const all = new AbortController();
    const gone = [1, 2].map(() => reasonOf(fetch(url, { signal: all.signal })));
    await vi.advanceTimersByTimeAsync(50);
    all.abort('all gone');
    expect(await Promise.all(gone)).toEqual(['all gone', 'all gone']);
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toHaveLength(3);
  });

  test('outside hedge sends one copy for all sharers, and the abort of the losing copy reaches no sharer', async () => {
    const { fetch, sent, signals, events } = stub([dedupe(), hedge({ delay: 50 })], (copy) =>
      delayed(new Response(`copy ${copy}`), copy === 1 ? 500 : 10),
    );
    const bodies = [1, 2, 3].map(async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(600);
    expect(await Promise.all(bodies)).toEqual(['copy 2', 'copy 2', 'copy 2']);
    expect(sent).toHaveLength(2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(events.filter(({ type }) => type === 'hedge.launched')).toHaveLength(1);
  });

  test('inside latest keeps the request of a replaced call for its other sharers, and the newer call joins it', async () => {
    const { fetch, sent, signals } = stub([latest({ key: () => 'search' }), dedupe()], () =>
      delayed(new Response('found'), 100),
    );
    const replaced = reasonOf(fetch(url));
    const aside = fetch(url, { latest: false }).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(50);
    const newer = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(0);
    expect(await replaced).toMatchObject({ name: 'AbortError', message: 'Replaced by a newer call' });
    await vi.advanceTimersByTimeAsync(50);
    expect(await Promise.all([aside, newer])).toEqual(['found', 'found']);
    expect([sent.length, signals[0]!.aborted]).toEqual([1, false]);
  });

  test('outside latest counts all sharers as one call, and a call with another key replaces them together', async () => {
    const { fetch, sent, signals } = stub([dedupe(), latest({ key: () => 'search' })], () =>
      delayed(new Response('found'), 100),
    );
    const older = [1, 2].map(() => reasonOf(fetch(`${url}?q=k`)));
    await vi.advanceTimersByTimeAsync(50);
    const newer = [1, 2].map(async () => (await fetch(`${url}?q=ky`)).text());
    await vi.advanceTimersByTimeAsync(100);
    expect(await Promise.all(older)).toEqual(
      [1, 2].map(() => expect.objectContaining({ message: 'Replaced by a newer call' }) as unknown),
    );
    expect(await Promise.all(newer)).toEqual(['found', 'found']);
    expect(sent).toHaveLength(2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});

describe('dedupe on a real server', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('outside retry and hedge aborts every copy and sends no other when the last sharer aborts', async () => {
    const { fetch } = watched([dedupe(), retry({ backoff: constant(1) }), hedge({ delay: 10 })]);
    const leaving = [new AbortController(), new AbortController()];
    const calls = leaving.map(({ signal }) => reasonOf(fetch(server.url('/blackhole'), { signal })));
    await server.until(({ requests }) => requests.length === 2);
    leaving[0]!.abort('first');
    expect(await calls[0]).toBe('first');
    expect(server.aborted).toHaveLength(0);
    leaving[1]!.abort('second');
    expect(await calls[1]).toBe('second');
    await server.until(({ aborted }) => aborted.length === 2);
    expect(server.requests).toHaveLength(2);
  });

  test('outside retry lets each sharer read the body of the last attempt, even if another sharer cancels its own', async () => {
    const { fetch } = watched([dedupe(), retry({ backoff: constant(1) })]);
    const target = server.url(`/reset-sequence?steps=reset,503,ok&size=200000&id=${crypto.randomUUID()}`);
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const response = await fetch(target);
        return n === 2 ? response.body!.cancel() : response.text();
      }),
    );
    expect([first?.length, second, third]).toEqual([200_000, undefined, first]);
    expect(server.requests).toHaveLength(3);
  });
});
