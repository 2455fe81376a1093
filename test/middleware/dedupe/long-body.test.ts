/** Bodies above 1 MiB, which arrive while they are shared: on real connections, and with a limit inside. */
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { undici } from '../../../adapters/transport/undici/undici.ts';
import { createFetch, dedupe, limit, standard, timeout, type Fetch, type KyoaFetch } from '../../../src/index.ts';
import { flood, origin, settled, until, type Exchange } from '../../support/origin.ts';
import { outcomeOf, reasonOf } from '../../support/promises.ts';
import { gcUntil } from '../../support/sockets.ts';

const long = Buffer.alloc(1_100_000, 'kyoa ');
const replyTo = ({ response: reply }: Exchange): ServerResponse => reply;
const announced = { 'content-length': long.length };

describe.each<[string, () => (Fetch & AsyncDisposable) | undefined]>([
  ['the global fetch', () => undefined],
  ['undici()', () => undici({ connections: 4 })],
])('a long body over %s', (_transport, make) => {
  const transports: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const transport of transports.splice(0)) await transport[Symbol.asyncDispose]();
  });

  function setup(): { fetch: KyoaFetch; running: () => number } {
    const transport = make();
    if (transport !== undefined) transports.push(transport);
    const policy = limit({ concurrency: 4 });
    const fetch = createFetch({ use: [dedupe(), policy], ...(transport && { fetch: transport }) });
    const running = (): number => Object.values(policy.snapshot()).reduce((sum, { running }) => sum + running, 0);
    return { fetch, running };
  }

  test.each([
    ['is announced', announced],
    ['is chunked', {}],
  ])('is requested once for 50 callers if its length %s', async (_how, headers) => {
    await using server = await origin((exchange) => replyTo(exchange).writeHead(200, headers).end(long));
    const { fetch, running } = setup();
    const bodies = await Promise.all(Array.from({ length: 50 }, async () => (await fetch(server.url)).bytes()));
    for (const body of bodies) expect(Buffer.from(body).equals(long)).toBe(true);
    expect(server.exchanges).toHaveLength(1);
    await until(() => running() === 0);
  });

  type Leave = (response: Promise<Response>, abort: () => void) => Promise<unknown>;
  const moments: readonly [string, Leave][] = [
    ['aborts before the headers', async (response, abort) => (abort(), outcomeOf(response))],
    ['aborts after the headers', async (response, abort) => (await response, abort())],
    ['cancels unread', async (response) => (await response).body!.cancel()],
    [
      'cancels amid the body',
      async (response) => {
        const reader = (await response).body!.getReader();
        await reader.read();
        await reader.cancel();
      },
    ],
    [
      'aborts amid the body',
      async (response, abort) => {
        const read = reasonOf((await response).text());
        await settled();
        abort();
        await read;
      },
    ],
    [
      'cancels both clones',
      async (response) => {
        const clone = (await response).clone();
        void clone.body!.cancel();
        await (await response).body!.cancel();
      },
    ],
  ];

  describe.each(moments)('whose first caller %s', (_moment, leave) => {
    test.each([0.01, 0.9])('before 1 MiB has arrived (%f MB) is delivered to the others', async (megabytes) => {
      await using server = await origin((exchange) => replyTo(exchange).write(long.subarray(0, megabytes * 1e6)));
      const { fetch, running } = setup();
      const own = new AbortController();
      const first = fetch(server.url, { signal: own.signal });
      const others = [1, 2].map(async () => (await fetch(server.url)).bytes());
      await until(() => server.exchanges.length === 1);
      await leave(first, () => own.abort('gone'));
      replyTo(server.exchanges[0]!).end(long.subarray(megabytes * 1e6));
      for (const other of others) expect(await other).toHaveLength(long.length);
      expect(await server.exchanges[0]!.over).toBe('complete');
      expect(server.exchanges).toHaveLength(1);
      await until(() => running() === 0);
    });

    test('is aborted with the last caller, wherever that one is', async () => {
      for (const [, leaveLast] of moments.slice(1)) {
        await using server = await origin((exchange) => replyTo(exchange).write(long.subarray(0, 1_080_000)));
        const { fetch, running } = setup();
        const controllers = [new AbortController(), new AbortController()];
        const [first, last] = controllers.map(({ signal }) => fetch(server.url, { signal }));
        await until(() => server.exchanges.length === 1);
        await leave(first!, () => controllers[0]!.abort('gone'));
        await settled();
        expect(server.exchanges[0]!.state).toBe('open');
        await leaveLast(last!, () => controllers[1]!.abort('gone, too'));
        expect(await server.exchanges[0]!.over).toBe('cut');
        await until(() => running() === 0);
      }
    });
  });

  test('whose callers leave after its end has been complete', async () => {
    await using server = await origin((exchange) => replyTo(exchange).end(long));
    const { fetch, running } = setup();
    const controllers = [new AbortController(), new AbortController()];
    const responses = await Promise.all(controllers.map(({ signal }) => fetch(server.url, { signal })));
    expect(await responses[0]!.bytes()).toHaveLength(long.length);
    for (const controller of controllers) controller.abort('late');
    expect(await reasonOf(responses[1]!.bytes())).toBe('late');
    expect(await server.exchanges[0]!.over).toBe('complete');
    await until(() => running() === 0);
  });

  test('whose caller is out of time is delivered to the others, and is aborted when all are', async () => {
    await using server = await origin((exchange) => replyTo(exchange).write(long));
    const transport = make();
    if (transport !== undefined) transports.push(transport);
    const fetch = createFetch({
      use: [timeout({ total: 5_000 }), dedupe()],
      ...(transport && { fetch: transport }),
    });
    const read = async (total?: number): Promise<number> =>
      (await (await fetch(server.url, total === undefined ? {} : { timeout: total })).bytes()).length;
    const [hasty, patient] = [reasonOf(read(60)), read()];
    expect(await hasty).toMatchObject({ name: 'TimeoutError', phase: 'total', limit: 60 });
    replyTo(server.exchanges[0]!).end('!');
    expect(await patient).toBe(long.length + 1);

    await Promise.all([read(60), read(70)].map(reasonOf));
    expect(await server.exchanges[1]!.over).toBe('cut');
    expect(server.exchanges).toHaveLength(2);
  });

  test('reaches one caller although another never reads it, and that one later', async () => {
    await using server = await origin((exchange) => replyTo(exchange).writeHead(200, announced).end(long));
    const { fetch } = setup();
    const [unread, read] = await Promise.all([fetch(server.url), fetch(server.url)]);
    expect(await read.bytes()).toHaveLength(long.length);
    expect(await unread.bytes()).toHaveLength(long.length);
    expect(server.exchanges).toHaveLength(1);
  });

  test('reaches a slow caller, a fast one, and the clones of both', async () => {
    await using server = await origin((exchange) => replyTo(exchange).end(long));
    const { fetch } = setup();
    const [slow, fast] = await Promise.all([fetch(server.url), fetch(server.url)]);
    const clones = [slow, fast].map((response) => response.clone());
    const slowly = async (): Promise<number> => {
      let length = 0;
      for await (const chunk of slow.body!) {
        length += chunk.length;
        await settled();
      }
      return length;
    };
    const lengths = [slowly(), ...[fast, ...clones].map(async (response) => (await response.bytes()).length)];
    expect(await Promise.all(lengths)).toEqual([long.length, long.length, long.length, long.length]);
  });

  test('that has no end is read at the pace of its callers, and ends with the last one', async () => {
    await using server = await origin(flood);
    const { fetch, running } = setup();
    const readers = (await Promise.all([fetch(server.url), fetch(server.url)])).map(({ body }) => body!.getReader());
    for (const reader of readers) {
      let length = 0;
      while (length < 4_000_000) length += (await reader.read()).value!.byteLength;
    }
    await readers[0]!.cancel();
    await settled();
    expect(server.exchanges.map(({ state }) => state)).toEqual(['open']);
    await readers[1]!.cancel();
    expect(await server.exchanges[0]!.over).toBe('cut');
    await until(() => running() === 0);
  });

  test('that all callers drop unread releases its permit and its connection when it is collected', async () => {
    for (const headers of [{ 'content-length': 9e6 }, {}]) {
      await using server = await origin((exchange) => replyTo(exchange).writeHead(200, headers).write(long));
      const { fetch, running } = setup();
      const drop = async (): Promise<void> => {
        await Promise.all([fetch(server.url), fetch(server.url)]);
      };
      await drop();
      expect(running()).toBe(1);
      await gcUntil(() => running() === 0);
      expect(await server.exchanges[0]!.over).toBe('cut');
    }
  });

  test('whose first caller leaves early stops no later call, in any number', async () => {
    await using server = await origin((exchange) =>
      exchange.request.url === '/short' ? replyTo(exchange).end('short') : replyTo(exchange).write('some bytes'),
    );
    const transport = make();
    if (transport !== undefined) transports.push(transport);
    const fetch = createFetch({ use: standard(), ...(transport && { fetch: transport }) });
    for (let n = 0; n < 5; n += 1) {
      const [first, second] = [new AbortController(), new AbortController()];
      const calls = [first, second].map(({ signal }) => fetch(`${server.url}${n}`, { signal }));
      await (await calls[0]!).body!.cancel();
      replyTo(server.exchanges[n]!).write(long);
      await calls[1];
      second.abort();
    }
    expect(await (await fetch(`${server.url}short`)).text()).toBe('short');
    await Promise.all(server.exchanges.slice(0, 5).map(async ({ over }) => expect(await over).toBe('cut')));
  });
});
