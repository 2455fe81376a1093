/** One request for many: what is beneath happens once for all of them, and whoever leaves takes nothing with them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { constant, dedupe, hedge, latest, retry } from '../../src/index.ts';
import { stub, watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { expectQuiet } from '../support/sockets.ts';

const url = 'http://api.example/';
const caught = (answer: Promise<unknown>): Promise<unknown> => answer.catch((error: unknown) => error);
const late = (response: Response, ms: number): Promise<Response> =>
  new Promise((resolve) => setTimeout(resolve, ms, response));

describe('dedupe on the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('over retry: ten sharers of a failing request cost its retries once, and each may read the last answer', async () => {
    const { fetch, sent } = stub(
      [dedupe(), retry({ retries: 2, backoff: constant(100) })],
      (attempt) => new Response(`no ${attempt}`, { status: 503 }),
    );
    const answers = Array.from({ length: 10 }, async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(200);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['no 3']));
    expect(sent).toHaveLength(3);
  });

  test('over retry: who joins in a pause is served by the next attempt; when all have left, there is none', async () => {
    const { fetch, sent } = stub(
      [dedupe(), retry({ retries: 2, backoff: constant(100) })],
      (attempt) => new Response('answer', { status: attempt % 2 === 1 ? 503 : 200 }),
    );
    const leaving = new AbortController();
    const first = caught(fetch(url, { signal: leaving.signal }));
    await vi.advanceTimersByTimeAsync(50);
    const second = fetch(url);
    await vi.advanceTimersByTimeAsync(0);
    leaving.abort('gone');
    expect(await first).toBe('gone');
    await vi.advanceTimersByTimeAsync(50);
    expect((await second).status).toBe(200);
    expect(sent).toHaveLength(2);

    const all = new AbortController();
    const gone = [1, 2].map(() => caught(fetch(url, { signal: all.signal })));
    await vi.advanceTimersByTimeAsync(50);
    all.abort('all gone');
    expect(await Promise.all(gone)).toEqual(['all gone', 'all gone']);
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toHaveLength(3);
  });

  test('over hedge: one copy for all sharers, and the loser’s end is nobody’s', async () => {
    const { fetch, sent, signals, events } = stub([dedupe(), hedge({ delay: 50 })], (copy) =>
      late(new Response(`copy ${copy}`), copy === 1 ? 500 : 10),
    );
    const answers = [1, 2, 3].map(async () => (await fetch(url)).text());
    await vi.advanceTimersByTimeAsync(600);
    expect(await Promise.all(answers)).toEqual(['copy 2', 'copy 2', 'copy 2']);
    expect(sent).toHaveLength(2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(events.filter(({ type }) => type === 'hedge.launched')).toHaveLength(1);
  });

  test('under latest: who is replaced leaves the request to its other sharers, and the newer call joins it', async () => {
    const { fetch, sent, signals } = stub([latest({ key: () => 'search' }), dedupe()], () =>
      late(new Response('found'), 100),
    );
    const replaced = caught(fetch(url));
    const aside = fetch(url, { latest: false }).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(50);
    const newer = fetch(url).then((response) => response.text());
    await vi.advanceTimersByTimeAsync(0);
    expect(await replaced).toMatchObject({ name: 'AbortError', message: 'Replaced by a newer call' });
    await vi.advanceTimersByTimeAsync(50);
    expect(await Promise.all([aside, newer])).toEqual(['found', 'found']);
    expect([sent.length, signals[0]!.aborted]).toEqual([1, false]);
  });

  test('over latest: sharers are one call, which another key’s sharers replace as a whole', async () => {
    const { fetch, sent, signals } = stub([dedupe(), latest({ key: () => 'search' })], () =>
      late(new Response('found'), 100),
    );
    const older = [1, 2].map(() => caught(fetch(`${url}?q=k`)));
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

describe('dedupe on the wire', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  test('over retry and hedge: when the last sharer leaves, every copy is cut, and nothing is sent any more', async () => {
    const { fetch } = watched([dedupe(), retry({ backoff: constant(1) }), hedge({ delay: 10 })]);
    const leaving = [new AbortController(), new AbortController()];
    const calls = leaving.map(({ signal }) => caught(fetch(server.url('/blackhole'), { signal })));
    await server.until(({ requests }) => requests.length === 2);
    leaving[0]!.abort('first');
    expect(await calls[0]).toBe('first');
    expect(server.aborted).toHaveLength(0);
    leaving[1]!.abort('second');
    expect(await calls[1]).toBe('second');
    await server.until(({ aborted }) => aborted.length === 2);
    expect(server.requests).toHaveLength(2);
  });

  test('over retry: every sharer reads the body that the last attempt sent, though the others only cancel theirs', async () => {
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
