/** Each connection is a call like any other: of each entry point, over each transport, through each policy. */
import kyoa, {
  breaker,
  constant,
  createFetch,
  createHandler,
  dedupe,
  endpoints,
  hedge,
  idempotency,
  limit,
  log,
  maxBody,
  memory,
  metrics,
  observe,
  retry,
  staleIfError,
  standard,
  trace,
  type KyoaEvent,
  type Middleware,
} from 'kyoa';
import { events, type EventsApi, type EventStreamChange } from 'kyoa/events';
import { undici } from 'kyoa/undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { all, eventOrigin, eventStream, idsSent, message, replies, sends } from '../support/event-origin.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';

const soon = { random: () => 0 };
/** Its stack waits for nothing. */
const quick = { timeout: { total: 30_000 }, retry: { retries: 2, backoff: constant(0), budget: false } } as const;

describe.each([{ http2: false }, { http2: true }])('of a server with HTTP/2: $http2', ({ http2 }) => {
  let server: FaultServer;
  const transport = (): ReturnType<typeof undici> => undici(http2 ? { tls: { ca: server.ca } } : {});
  beforeAll(async () => {
    server = await faultServer({ http2 });
  });
  afterAll(() => server.close());

  const apis: readonly (readonly [string, () => EventsApi])[] = [
    ['a plain fetch', () => (http2 ? transport() : fetch)],
    ['createFetch', () => createFetch({ use: standard(quick), fetch: transport() })],
    ['the client', () => kyoa.create({ use: standard(quick), fetch: transport() })],
    ['the fetch of the client', () => kyoa.create({ use: standard(quick), fetch: transport() }).fetch],
  ];

  test.each(apis)('the events of %s are all there, none of them twice', async (_, api) => {
    server.reset();
    const path = '/feed?total=200&cut=20&empty=4&repeat=3&retry=0&gap=1';
    const received = await all(events(api(), server.url(path), { backoff: constant(0) }));
    expect(received).toEqual(Array.from({ length: 200 }, (_, n) => message(String(n + 1), String(n + 1))));
    await server.until(({ busy }) => busy.length === 0);
  });
});

/** A server whose first connection breaks after the first event. */
const broken = () => eventOrigin([sends('id: 1\ndata: a\n\n', 'break'), sends('id: 2\ndata: b\n\n')]);
const both = [message('a', '1'), message('b', '2')];

describe('a connection', () => {
  test('has the retries of the stack', async () => {
    await using server = await eventOrigin([replies(503), replies(502), sends('data: a\n\n')]);
    const changes: EventStreamChange[] = [];
    const api = createFetch({ use: standard(quick) });
    const stream = events(api, server.url, { ...soon, listener: (change) => changes.push(change) });
    expect((await stream.next()).value).toEqual(message('a'));
    expect(changes).toEqual([{ type: 'events.opened', reconnect: 0, lastEventId: '' }]);
    await stream.return();
  });

  test('has the token at the time of the reconnect', async () => {
    await using server = await broken();
    let token = 0;
    const bearer: Middleware = (_, next) => next({ headers: { authorization: `Bearer ${++token}` } });
    expect(await all(events(createFetch({ use: [bearer, ...standard(quick)] }), server.url, soon))).toEqual(both);
    const tokens = server.exchanges.map(({ request }) => request.headers.authorization);
    expect(tokens).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 3']);
  });

  test('goes to another endpoint when one is down', async () => {
    await using server = await broken();
    await using down = await faultServer();
    const route = endpoints([{ url: server.url }, { url: down.refused }], { random: () => 0.99 });
    const api = createFetch({ use: [retry(quick.retry), route] });
    expect(await all(events(api, 'http://feed.example/', soon))).toEqual(both);
    expect(idsSent(server)).toEqual([undefined, '1', '2']);
  });

  test('waits for an open circuit', async () => {
    await using server = await eventOrigin([replies(500), replies(500), sends('data: a\n\n')]);
    const delays: number[] = [];
    const listener = (change: EventStreamChange): void =>
      void (change.type === 'events.interrupted' && delays.push(change.delay));
    const api = createFetch({ use: [breaker({ volume: 2, cooldown: 150, random: () => 1 })] });
    expect(await all(events(api, server.url, { ...soon, listener }))).toEqual([message('a')]);
    expect(delays.slice(0, 2)).toEqual([0, 0]);
    expect(delays[2]).toBeGreaterThan(50);
    expect(server.exchanges).toHaveLength(4);
  });

  test('releases its permit when it ends', async () => {
    await using server = await broken();
    const api = createFetch({ use: [limit({ concurrency: 1, queue: 0 })] });
    expect(await all(events(api, server.url, soon))).toEqual(both);
    const one = events(api, server.url, soon);
    expect(await one.next()).toEqual({ value: undefined, done: true });
  });

  test('waits for a permit', async () => {
    await using server = await eventOrigin([sends('data: a\n\n', 'stay'), sends('data: b\n\n')]);
    const api = createFetch({ use: [limit({ concurrency: 1, queue: 0 })] });
    const holder = events(api, server.url, soon);
    await holder.next();
    let refusals = 0;
    const listener = (): void => {
      refusals += 1;
      if (refusals === 3) void holder.return();
    };
    expect(await all(events(api, server.url, { backoff: constant(1), listener }))).toEqual([message('b')]);
  });

  test('is not shared by two streams of one URL', async () => {
    await using server = await origin(({ response }) => {
      const turn = server.exchanges.length;
      if (turn > 2) response.writeHead(204).end();
      else response.writeHead(200, eventStream).end(`id: ${turn}\ndata: ${turn}\n\n`);
    });
    const api = createFetch({ use: [dedupe()] });
    const received = await Promise.all([all(events(api, server.url, soon)), all(events(api, server.url, soon))]);
    expect(
      received
        .flat()
        .map(({ data }) => data)
        .toSorted(),
    ).toEqual(['1', '2']);
  });

  test('may have been the first of two copies', async () => {
    await using server = await origin(({ request, response }) => {
      if (server.exchanges.length === 1) return; // the copy is faster
      if (request.headers['last-event-id'] === '2') response.writeHead(204).end();
      else response.writeHead(200, eventStream).end('id: 1\ndata: a\n\nid: 2\ndata: b\n\n');
    });
    const api = createFetch({ use: [hedge({ delay: 10, budget: false })] });
    expect(await all(events(api, server.url, soon))).toEqual(both);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('passes through every other policy', async () => {
    await using server = await broken();
    const seen: KyoaEvent[] = [];
    const use = [
      observe((event) => seen.push(event)),
      log({ write: () => {} }),
      metrics(),
      trace(),
      staleIfError(),
      maxBody(1_000_000),
      idempotency(),
      ...standard(quick),
    ];
    expect(await all(events(createFetch({ use, storage: memory() }), server.url, soon))).toEqual(both);
    const settled = seen.filter(({ type }) => type === 'request.settled');
    expect(settled.map((event) => 'status' in event && event.status)).toEqual([200, 200, 204]);
  });

  test('of a POST has an idempotency key only if the stack does not keep its result', async () => {
    const post = { ...soon, method: 'POST', body: 'x', requestId: 'run-42', resumable: true } as const;
    const api = createFetch({ use: [idempotency()], storage: memory() });
    await using server = await eventOrigin([sends('id: 1\ndata: a\n\n', 'break'), sends('id: 2\ndata: b\n\n')]);
    expect(await reasonOf(all(events(api, server.url, post)))).toMatchObject({ code: 'IDEMPOTENCY_UNRECORDED' });
    await using other = await broken();
    expect(await all(events(api, other.url, { ...post, idempotency: false }))).toEqual(both);
  });

  test('ends the stream with the error of a policy that a further one would meet, too', async () => {
    await using server = await eventOrigin([sends(`data: ${'a'.repeat(2_000)}\n\n`), sends('data: b\n\n')]);
    const api = createFetch({ use: [maxBody(1_000)] });
    expect(await reasonOf(events(api, server.url, soon).next())).toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(server.exchanges).toHaveLength(1);
  });
});

describe('a stream of a handler', () => {
  test('is read in the process, without a network', async () => {
    const handle = createHandler({ use: standard(quick) }, (request) => {
      const last = Number(request.headers.get('last-event-id') ?? 0);
      if (last === 3) return new Response(null, { status: 204 });
      return new Response(`id: ${last + 1}\ndata: ${last + 1}\n\n`, { headers: eventStream });
    });
    const api = (url: string | Request, init?: RequestInit): Promise<Response> => handle(new Request(url, init));
    const received = await all(events(api, 'http://handler.example/', soon));
    expect(received.map(({ data }) => data)).toEqual(['1', '2', '3']);
  });
});
