import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  constant,
  createFetch,
  createHandler,
  dedupe,
  retry,
  standard,
  timeout,
  type Fetch,
} from '../../../src/index.ts';
import { watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { settled } from '../../support/origin.ts';
import { expectQuiet, gcUntil, openSockets } from '../../support/sockets.ts';
import { reasonOf } from '../../support/promises.ts';
import { calls, fetch, manualServer, readBody } from './calls.ts';

describe('dedupe of concurrent calls', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(async () => {
    await server.close();
    await gcUntil(() => openSockets(server.port).length === 0);
  });

  test('sends 1,000 identical GETs once, and each caller gets the whole body', async () => {
    const { fetch, events } = watched([dedupe()]);
    const texts = await Promise.all(
      Array.from({ length: 1_000 }, async () => (await fetch(server.url('/ok?size=65536'))).text()),
    );
    expect(server.count()).toBe(1);
    expect(new Set(texts)).toEqual(new Set(['kyoa '.repeat(13_108).slice(0, 65_536)]));
    expect(events.filter(({ type }) => type === 'dedupe.joined')).toHaveLength(999);
    expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(1);
  });

  test('holds the body in memory once, however many Responses there are', async () => {
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const burst = (): Promise<Response>[] => calls(1_000, server.url('/ok?size=65536'));
    await Promise.all((await Promise.all(burst())).map((response) => response.text()));
    gc!();
    const before = used();
    const responses = await Promise.all(burst());
    await gcUntil(() => used() - before < 20e6); // a body each would be 65.5e6
    await Promise.all(responses.map((response) => response.arrayBuffer()));
    expect(server.count()).toBe(2);
  });

  test('retries once for all callers', async () => {
    const { fetch, events } = watched([dedupe(), retry({ backoff: constant(1) })]);
    const url = server.url('/sequence?statuses=503,200&id=burst');
    const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(url)));
    for (const response of responses) {
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(server.count()).toBe(2);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('works through the standard stack', async () => {
    const fetch = createFetch({ use: standard() });
    const texts = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(server.url('/ok?size=65536'))).text()),
    );
    expect(server.count()).toBe(1);
    expect(new Set(texts.map(({ length }) => length))).toEqual(new Set([65_536]));
  });

  test.each(['/reset/before-headers', '/fin/before-headers'])(
    'rejects every caller with the same error for %s',
    async (path) => {
      const errors = await Promise.all(calls(5, server.url(path)).map(reasonOf));
      expect(new Set(errors).size).toBe(1);
      expect(errors[0]).toBeInstanceOf(TypeError);
      expect(server.count()).toBe(1);
    },
  );

  test.each(['/reset/amid-body', '/fin/amid-body', '/chunks/no-end', '/length/short'])(
    'fails the body of every caller after the same bytes for %s',
    async (path) => {
      const responses = await Promise.all(calls(4, server.url(path)));
      const [leaders, ...others] = await Promise.all(responses.map(({ body }) => readBody(body)));
      expect(leaders!.text).toMatch(/^(kyoa |good)/);
      expect(leaders!.error).toBeInstanceOf(TypeError);
      for (const outcome of others) expect(outcome).toEqual(leaders);
      expect(server.count()).toBe(1);

      const texts = (await Promise.all(calls(3, server.url(path)))).map((response) => reasonOf(response.text()));
      for (const error of await Promise.all(texts)) expect(error).toBeInstanceOf(TypeError);
      expect(server.count()).toBe(2);
    },
  );

  test.each([
    ['a 204', '/status/204', 'GET', 204],
    ['a 304', '/status/304', 'GET', 304],
    ['HEAD', '/ok', 'HEAD', 200],
  ])('shares a response without a body: %s', async (_what, path, method, status) => {
    const responses = await Promise.all(calls(5, server.url(path), () => ({ method })));
    expect(server.count()).toBe(1);
    expect(new Set(responses).size).toBe(5);
    for (const response of responses) {
      expect(response).toMatchObject({ status, body: null, bodyUsed: false, url: server.url(path) });
      expect(await response.clone().text()).toBe('');
      expect(await response.text()).toBe('');
      expect(response.bodyUsed).toBe(false);
    }
  });

  test('shares a body of 1 MiB, and one with a byte more', async () => {
    for (const size of [1_048_576, 1_048_577]) {
      server.reset();
      const responses = await Promise.all(calls(3, server.url(`/ok?size=${size}`)));
      const bodies = await Promise.all(responses.map((response) => response.arrayBuffer()));
      expect(bodies.map(({ byteLength }) => byteLength)).toEqual([size, size, size]);
      expect(server.count()).toBe(1);
    }
  });

  test('does not share an event stream', async () => {
    const responses = await Promise.all(calls(3, server.url('/sse?then=heartbeat')));
    expect(server.count()).toBe(3);
    for (const response of responses) {
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    await server.until(({ aborted }) => aborted.length === 3);
  });
});

describe('dedupe holds no Response that its callers have dropped', () => {
  test.each([
    ['the only caller', 1, 100],
    ['each of several callers', 3, 100],
    ['each of several callers of a long body', 3, 2_000_000],
  ])('of %s, although the limit of the call still runs', async (_who, count, size) => {
    await using server = await manualServer(({ response }) => response.end(Buffer.alloc(size)));
    const fetch = createFetch({ use: [timeout(60_000), dedupe()] });
    const drop = async (): Promise<WeakRef<Response>[]> =>
      (await Promise.all(Array.from({ length: count }, () => fetch(server.url)))).map(
        (response) => new WeakRef(response),
      );
    const dropped = await drop();
    await gcUntil(() => dropped.every((reference) => reference.deref() === undefined));
    expect(server.exchanges).toHaveLength(1);
  });

  test.each([
    ['cancelled', (response: Response) => response.body!.cancel()],
    ['read to its end', (response: Response) => response.text()],
    ['read until it broke off', (response: Response) => readBody(response.body)],
  ])('after its body was %s', async (how, end) => {
    const broken = how === 'read until it broke off';
    await using server = await manualServer(({ request, response: reply }) => {
      if (broken) reply.write('part', () => request.socket.destroy());
      else reply.end(Buffer.alloc(2_000_000));
    });
    const endAll = async (): Promise<WeakRef<Response>[]> => {
      const responses = await Promise.all(calls(3, server.url, () => ({ signal: new AbortController().signal })));
      await Promise.all(responses.map((response) => end(response)));
      return responses.map((response) => new WeakRef(response));
    };
    const ended = await endAll();
    await gcUntil(() => ended.every((reference) => reference.deref() === undefined));
    expect(server.exchanges).toHaveLength(1);
  });
});

describe('the only caller of dedupe', () => {
  test('gets the transport’s very Response', async () => {
    // Without a Content-Length, which would be watched.
    await using server = await manualServer(({ response: reply }) => reply.write('mine', () => reply.end()));
    const made: Response[] = [];
    const transport: Fetch = async (input, init) => {
      made.push(await globalThis.fetch(input, init));
      return made.at(-1)!;
    };
    const fetch = createFetch({ use: [dedupe()], fetch: transport });
    for (let call = 0; call < 2; call += 1) {
      const response = await fetch(server.url);
      expect(response).toBe(made[call]);
      expect(Object.getPrototypeOf(response)).toBe(Response.prototype);
      expect(await response.text()).toBe('mine');
    }
    expect(server.exchanges).toHaveLength(2);
  });

  test('gets the transport’s Response also after a caller that joined has left', async () => {
    await using server = await manualServer();
    const leaving = new AbortController();
    const [alone, joined] = calls(2, server.url, (n) => (n === 1 ? { signal: leaving.signal } : {}));
    const { response } = await server.next();
    leaving.abort('bored');
    expect(await reasonOf(joined!)).toBe('bored');
    response.end('yours');
    expect(Object.getPrototypeOf(await alone)).toBe(Response.prototype);
    expect(await (await alone!).text()).toBe('yours');
  });

  test('aborts its request before the headers and within the body', async () => {
    await using server = await manualServer();
    for (const phase of ['headers', 'body']) {
      const leaving = new AbortController();
      const response = fetch(server.url, { signal: leaving.signal });
      const exchange = await server.next();
      if (phase === 'body') exchange.response.write('part');
      const reading = phase === 'body' ? (await response).text() : response;
      leaving.abort({ phase });
      expect(await reasonOf(reading)).toEqual({ phase });
      expect(await exchange.over).toBe('cut');
    }
  });
});

describe('dedupe does not wait', () => {
  test('for a slow reader: if the first caller never reads, the others still get the body', async () => {
    await using server = await manualServer(({ response }) => response.end('x'.repeat(1_000_000)));
    const [leader, ...others] = calls(3, server.url);
    const unread = await leader!;
    for (const other of others) expect(await (await other).text()).toHaveLength(1_000_000);
    expect(await server.exchanges[0]!.over).toBe('complete');
    expect(await unread.text()).toHaveLength(1_000_000);
  });

  test('with a call after the headers: that call sends a request of its own', async () => {
    await using server = await manualServer();
    const early = calls(2, server.url);
    const first = await server.next();
    first.response.write('ear');
    await early[0];
    const late = fetch(server.url);
    (await server.next()).response.end('late');
    expect(await (await late).text()).toBe('late');
    first.response.end('ly');
    expect(await Promise.all(early.map(async (response) => (await response).text()))).toEqual(['early', 'early']);
  });
});

test('dedupe lets a retry wait beyond the deadline of the first caller, for callers that have time', async () => {
  const fetch = createFetch({ use: [timeout(5_000), dedupe(), retry()] });
  await using server = await faultServer();
  const url = server.url('/retry-after?header=retry-after-ms&value=60');
  const [hasty, patient] = [reasonOf(fetch(url, { timeout: { total: 30 } })), fetch(url)];
  expect(await hasty).toMatchObject({ name: 'TimeoutError', limit: 30 });
  expect((await patient).status).toBe(200);
  await (await patient).text();
  expect(server.count()).toBe(2);
});

describe('dedupe in a handler', () => {
  test('runs the handler once for the same request, and once for each user', async () => {
    let runs = 0;
    const handle = createHandler({ use: [dedupe()] }, async ({ headers }) => {
      runs += 1;
      await settled();
      return new Response(`for ${headers.get('authorization')}`);
    });
    const ask = async (authorization: string): Promise<string> =>
      (await handle(new Request('http://api.example/', { headers: { authorization } }))).text();
    expect(await Promise.all(['alice', 'bob', 'alice', 'bob'].map(ask))).toEqual([
      'for alice',
      'for bob',
      'for alice',
      'for bob',
    ]);
    expect(runs).toBe(2);
  });

  test('cancels the stream of a response that every caller has left', async () => {
    let cancelled: unknown;
    const handle = createHandler({ use: [dedupe()] }, async () => {
      await settled();
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('part')),
        cancel: (reason) => (cancelled = reason),
      });
      return new Response(body);
    });
    const leaving = [new AbortController(), new AbortController()];
    const responses = leaving.map(({ signal }) => handle(new Request('http://api.example/', { signal })));
    const reasons = Promise.all(responses.map(async (response) => (await response).text()).map(reasonOf));
    await responses[0];
    leaving[0]!.abort('first');
    await settled();
    expect(cancelled).toBeUndefined();
    leaving[1]!.abort('second');
    expect(await reasons).toEqual(['first', 'second']);
    await settled();
    expect(cancelled).toBe('second');
  });
});
