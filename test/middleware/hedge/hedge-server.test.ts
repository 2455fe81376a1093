import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createFetch, hedge, observe, timeout, type KyoaEvent } from '../../../src/index.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { reasonOf } from '../../support/promises.ts';
import { expectQuiet } from '../../support/sockets.ts';

describe('hedge on a real server', () => {
  let server: FaultServer;
  const events: KyoaEvent[] = [];
  const fetch = createFetch({
    use: [
      observe((event) => events.push(event)),
      timeout(5_000),
      hedge({ delay: 40, methods: ['GET', 'HEAD', 'PUT'] }),
    ],
  });
  const id = (): string => crypto.randomUUID();
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
    events.length = 0;
  });
  afterAll(() => server.close());

  test('aborts an original that hangs when the copy has responded', async () => {
    const response = await fetch(server.url(`/sequence?steps=hang,ok&id=${id()}`));
    expect(response.status).toBe(200);
    await response.text();
    await server.until(({ aborted }) => aborted.length === 1);
    expect(server.requests.map(({ state }) => state)).toEqual(['aborted', 'complete']);
  });

  test('keeps the winner’s body readable after the abort of the loser', async () => {
    // The original never responds; the copy sends its body slowly.
    let copies = 0;
    const routed = createFetch({
      use: [hedge({ delay: 20 })],
      fetch: (_input, init) =>
        globalThis.fetch(server.url((copies += 1) === 1 ? '/blackhole' : '/drip/body?chunks=10&gap=20&size=100'), init),
    });
    const response = await routed(server.url('/'));
    await server.until(({ aborted }) => aborted.length === 1);
    let length = 0;
    for await (const chunk of response.body!) length += chunk.byteLength;
    expect(length).toBe(1_000);
    expect(server.requests.map(({ state }) => state)).toEqual(['aborted', 'complete']);
  });

  test('lets a total limit and the caller’s abort reach the winner’s body', async () => {
    const leaving = new AbortController();
    for (const [init, expected] of [
      [{ timeout: 200 }, { name: 'TimeoutError', phase: 'total' }],
      [{ signal: leaving.signal }, { why: 'enough' }],
    ] as const) {
      const response = await fetch(server.url(`/sequence?steps=hang,stall&id=${id()}`), init);
      const reading = response.text().catch((error: unknown) => error);
      await server.until(({ aborted }) => aborted.length > 0);
      if ('signal' in init) leaving.abort({ why: 'enough' });
      expect(await reading).toMatchObject(expected);
      await server.until(({ aborted }) => aborted.length === 2);
      server.reset();
    }
  });

  test('returns a readable body when all copies fail, and keeps the other connection', async () => {
    const response = await fetch(server.url('/status/503?delay=60'));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ path: '/status/503' });
    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(server.aborted).toHaveLength(0);
  });

  test('reads the body of a bad response that another one replaces, which keeps its connection', async () => {
    const connection = createFetch({ use: [hedge({ delay: 5_000 })] });
    await (await connection(server.url(`/sequence?steps=503,delay&gap=30&id=${id()}`))).text();
    await expectQuiet(server);
    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(server.aborted).toHaveLength(0);
  });

  test('cancels the long body of a bad response that lost', async () => {
    let copies = 0;
    const routed = createFetch({
      use: [hedge({ delay: 5_000 })],
      fetch: (_input, init) =>
        globalThis.fetch(server.url((copies += 1) === 1 ? '/endless?status=500' : '/ok?delay=30'), init),
    });
    await (await routed(server.url('/'))).text();
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('sends the copy at once after a connection reset', async () => {
    const response = await fetch(server.url(`/reset-sequence?steps=reset,ok&id=${id()}`), { hedge: { delay: 60_000 } });
    expect(response.status).toBe(200);
    await response.text();
    expect(server.requests).toHaveLength(2);
  });

  test('sends the whole body of a listed PUT twice, also that of a Request whose source is unknown', async () => {
    const target = (): string => server.url(`/sequence?steps=hang,ok&id=${id()}`);
    await (await fetch(target(), { method: 'PUT', body: 'mine' })).text();
    await (await fetch(new Request(target(), { method: 'PUT', body: 'mine' }))).text();
    expect(server.requests.map(({ body }) => body.toString())).toEqual(['mine', 'mine', 'mine', 'mine']);
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('sends a stream once', async () => {
    const body = new Blob(['streamed']).stream();
    await (await fetch(server.url('/ok?delay=120'), { method: 'PUT', body, duplex: 'half' } as RequestInit)).text();
    expect(server.requests.map((seen) => seen.body.toString())).toEqual(['streamed']);
    expect(events.filter(({ type }) => type.startsWith('hedge.'))).toEqual([]);
  });

  test('sends a body that is too long to keep once', async () => {
    const request = new Request(server.url('/ok?size=1&delay=300'), { method: 'PUT', body: new Uint8Array(3 << 20) });
    await (await fetch(request)).text();
    expect(server.requests).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'hedge.suppressed', reason: 'body' }));
  });

  test('sends a POST once', async () => {
    await (await fetch(server.url('/ok?delay=120'), { method: 'POST', body: 'order' })).text();
    expect(server.requests).toHaveLength(1);
  });

  test('aborts both copies with the caller’s abort', async () => {
    const leaving = new AbortController();
    const error = reasonOf(fetch(server.url('/blackhole'), { signal: leaving.signal }));
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('sends copies that equal the original, without the headers that another cache mode would add', async () => {
    await (await fetch(server.url('/ok?delay=80'), { headers: { accept: 'application/json' } })).text();
    await server.until(({ requests }) => requests.length === 2);
    const [original, copy] = server.requests.map(({ headers }) => headers);
    expect(copy).toEqual(original);
  });
});
