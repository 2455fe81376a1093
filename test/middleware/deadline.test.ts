/** `deadline`: what a client sends, what a handler does with it, and a chain of real servers. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import kyoa, {
  createFetch,
  createHandler,
  deadline,
  hedge,
  observe,
  retry,
  timeout,
  TimeoutError,
  type Context,
  type DeadlineOptions,
  type KyoaEvent,
  type KyoaFetch,
} from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { listen } from '../../docs/examples/node-http.ts';
import { url } from '../support/http.ts';
import { delayed, reasonOf } from '../support/promises.ts';
import { openSockets } from '../support/sockets.ts';

const field = 'Connect-Timeout-Ms';
const requestOf = (value?: string, name = field): Request =>
  new Request(url, value === undefined ? {} : { headers: { [name]: value } });

describe('with a virtual clock', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  describe('a client', () => {
    /** A client whose transport takes 100 ms for each of the statuses. */
    function client(use: Parameters<typeof createFetch>[0], statuses: readonly number[] = [200]) {
      const sent: Headers[] = [];
      const fetch = createFetch({
        ...use,
        fetch: async (input, init) => {
          sent.push(new Request(input, init).headers);
          return delayed(new Response('', { status: statuses[sent.length - 1] ?? 200 }), 100);
        },
      });
      return { fetch, values: (name = field) => sent.map((headers) => headers.get(name)) };
    }
    const run = async (call: Promise<Response>): Promise<Response> => {
      await vi.runAllTimersAsync();
      return call;
    };

    test('sends with each attempt what is left for it', async () => {
      const { fetch, values } = client(
        { use: [timeout(5_000), retry({ random: () => 1 }), deadline()] },
        [503, 503, 200],
      );
      await run(fetch(url));
      expect(values()).toEqual(['5000', '4700', '4200']); // 100 ms an attempt, pauses of 200 and 400 ms
    });

    test('sends the limit of the attempt where that is nearer', async () => {
      const { fetch, values } = client({ use: [timeout(5_000), timeout({ headers: 800 }), deadline()] });
      await run(fetch(url));
      expect(values()).toEqual(['800']);
    });

    test('sends with a copy what is left at that time', async () => {
      const { fetch, values } = client({ use: [timeout(5_000), hedge({ delay: 30 }), deadline()] });
      await run(fetch(url));
      expect(values()).toEqual(['5000', '4970']);
    });

    test('sends no header without a deadline, and none for a call with `deadline: false`', async () => {
      const { fetch, values } = client({ use: [deadline()] });
      await run(fetch(url));
      await run(fetch(url, { deadline: false }));
      const limited = client({ use: [timeout(5_000), deadline()] });
      await run(limited.fetch(url, { deadline: false }));
      expect([...values(), ...limited.values()]).toEqual([null, null, null]);
    });

    test('takes the deadline of the call, and the earlier one of both', async () => {
      const { fetch, values } = client({ use: [timeout(5_000), deadline()] });
      await run(fetch(url, { deadline: performance.now() + 700 }));
      await run(fetch(url, { deadline: performance.now() + 9_000 }));
      await run(fetch(url, { deadline: undefined }));
      expect(values()).toEqual(['700', '5000', '5000']);
    });

    test.for([
      [700.9, '700m'],
      [0.2, '1m'],
      [99_999_999, '99999999m'],
      [100_000_000, null], // more than gRPC's 8 digits can say in ms
      [Infinity, null],
    ] as const)('writes %d ms for gRPC as %s', async ([left, value]) => {
      const { fetch, values } = client({ use: [deadline({ header: 'grpc-timeout' })] });
      await run(fetch(url, { deadline: performance.now() + left }));
      expect(values('grpc-timeout')).toEqual([value]);
    });

    test('keeps a shorter time of the caller, and replaces a longer or malformed one', async () => {
      const { fetch, values } = client({ use: [timeout(5_000), deadline({ header: 'x-time-left' })] });
      for (const value of ['300', '6000', 'soon']) await run(fetch(url, { headers: { 'x-time-left': value } })); // one after another
      expect(values('x-time-left')).toEqual(['300', '5000', '5000']);
    });

    test('ends the retries before the deadline of the call, without the policy as well', async () => {
      const { fetch, values } = client({ use: [retry({ random: () => 1 })] }, [503, 503, 503]);
      const response = await run(fetch(url, { deadline: performance.now() + 250 }));
      expect([response.status, values().length]).toEqual([503, 1]);
      expect(performance.now()).toBeLessThan(250);
    });

    test('may be the client of kyoa, which accepts a deadline without the policy', async () => {
      const seen: (string | null)[] = [];
      const transport = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
        seen.push(new Request(input, init).headers.get(field));
        return Response.json({});
      };
      const api = kyoa.create({ fetch: transport });
      await api.get(url, { deadline: performance.now() + 500 }).json();
      await api
        .extend({ use: [deadline()] })
        .get(url, { deadline: performance.now() + 500 })
        .json();
      expect(seen).toEqual([null, '500']);
    });

    test('refuses a deadline that is no number', async () => {
      const { fetch } = client({ use: [] });
      expect(await reasonOf(fetch(url, { deadline: 'soon' as never }))).toMatchObject({
        code: 'INVALID_OPTION',
        message: 'deadline must be a number, got "soon"',
      });
    });
  });

  describe('a handler', () => {
    /** What the handler has seen of its deadline: ms from the start, the field, and why its signal was aborted. */
    interface Seen {
      left?: number | undefined;
      value?: string | null;
      reason?: unknown;
    }
    function server(
      options: DeadlineOptions,
      work: (ctx: Context) => Promise<Response> = async () => new Response('done'),
    ) {
      const seen: Seen[] = [];
      const events: KyoaEvent[] = [];
      const handle = createHandler(
        { use: [observe((event) => events.push(event)), deadline(options)] },
        async (request, ctx) => {
          const mine: Seen = {
            left: ctx.deadline && ctx.deadline - performance.now(),
            value: request.headers.get(field),
          };
          seen.push(mine);
          ctx.onAbort((reason) => (mine.reason = reason));
          return work(ctx);
        },
      );
      const types = (): string[] => events.map(({ type }) => type).filter((type) => type.startsWith('deadline.'));
      return { handle, seen, types };
    }
    const trusting = { trust: true } as const;

    test('takes over the time that the client has left', async () => {
      const { handle, seen } = server(trusting);
      expect((await handle(requestOf('800'))).status).toBe(200);
      expect(seen).toEqual([{ left: 800, value: '800' }]);
      expect(vi.getTimerCount()).toBe(0);
    });

    test('allows no more than its own max, with and without a field', async () => {
      const { handle, seen } = server({ trust: true, max: 500 });
      await Promise.all(['800', '100', undefined].map((value) => handle(requestOf(value))));
      expect(seen.map(({ left }) => left)).toEqual([500, 100, 500]);
    });

    test.for([
      ['2S', 2_000],
      ['1500m', 1_500],
      ['30000000n', 30],
      ['7000u', 7],
      ['1M', 60_000],
      ['1H', 3_600_000],
    ] as const)('reads %s of gRPC as %d ms', async ([value, left]) => {
      const { handle, seen } = server({ trust: true, header: 'grpc-timeout' });
      await handle(requestOf(value, 'grpc-timeout'));
      expect(seen[0]!.left).toBeCloseTo(left, 6);
    });

    test.for(['', 'soon', '-5', '1e3', '12.5', '800m', '12345678901', '800, 900'])(
      'ignores the malformed value %j',
      async (value) => {
        const { handle, seen } = server(trusting);
        expect((await handle(requestOf(value))).status).toBe(200);
        expect(seen[0]!.left).toBeUndefined();
      },
    );

    test.for(['800', '123456789S', '8s', '1.5S', 'S'])('ignores the malformed value %j of gRPC', async (value) => {
      const { handle, seen } = server({ trust: true, header: 'grpc-timeout' });
      await handle(requestOf(value, 'grpc-timeout'));
      expect(seen[0]!.left).toBeUndefined();
    });

    test('removes the field of a client that it does not trust', async () => {
      const { handle, seen } = server({});
      await handle(requestOf('1'));
      expect(seen).toEqual([{ left: undefined, value: null }]);
    });

    test('asks the function for each request whether it trusts it', async () => {
      const { handle, seen } = server({ trust: ({ url }) => url.endsWith('?inside') });
      await handle(new Request(`${url}?inside`, { headers: { [field]: '800' } }));
      await handle(new Request(`${url}?outside`, { headers: { [field]: '800' } }));
      expect(seen).toEqual([
        { left: 800, value: '800' },
        { left: undefined, value: null },
      ]);
    });

    test('refuses a request that has less than min left, before any work', async () => {
      const { handle, seen, types } = server(trusting);
      const responses = await Promise.all(['0', '4', '5'].map((value) => handle(requestOf(value))));
      expect(responses.map(({ status }) => status)).toEqual([504, 504, 200]);
      expect(responses[0]!.headers.get('content-type')).toBe('application/problem+json');
      expect(await responses[0]!.json()).toEqual({
        title: 'Too little time is left',
        detail: 'Less than 5 ms are left.',
        status: 504,
      });
      expect(seen).toHaveLength(1);
      expect(types()).toEqual(['deadline.rejected', 'deadline.rejected']);
    });

    test('responds with a 504 at the deadline, and aborts the work', async () => {
      const { handle, seen, types } = server(trusting, (ctx) => new Promise((_, reject) => ctx.onAbort(reject)));
      const response = handle(requestOf('300'));
      await vi.advanceTimersByTimeAsync(299);
      expect(seen[0]).not.toHaveProperty('reason');
      await vi.advanceTimersByTimeAsync(1);
      expect(await (await response).json()).toMatchObject({ title: 'The deadline has passed', status: 504 });
      expect(seen[0]!.reason).toBeInstanceOf(TimeoutError);
      expect(types()).toEqual(['deadline.exceeded']);
    });

    test('discards a response that comes after the deadline', async () => {
      const late = new Response('late');
      const { handle } = server(trusting, () => delayed(late, 400));
      const response = handle(requestOf('300'));
      await vi.advanceTimersByTimeAsync(400);
      expect((await response).status).toBe(504);
      expect(late.bodyUsed).toBe(true); // it is drained
      expect(vi.getTimerCount()).toBe(0);
    });

    test('ends its timer when the handler throws, and rejects with that error', async () => {
      const { handle } = server(trusting, async () => {
        throw new RangeError('broken');
      });
      await expect(handle(requestOf('300'))).rejects.toThrow('broken');
      expect(vi.getTimerCount()).toBe(0);
    });

    test('lets a body go on after the deadline: the client has its response', async () => {
      const { handle } = server(trusting, async () => new Response(slowly() as never));
      const text = (await handle(requestOf('300'))).text();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await text).toBe('ab');
    });

    test('is left as it is by deadline: false', async () => {
      const { handle, seen } = server({ trust: true, max: 5 });
      await handle.with({ deadline: false })(requestOf('800'));
      expect(seen).toEqual([{ left: undefined, value: '800' }]);
    });
  });
});

async function* slowly(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a');
  yield await delayed(Buffer.from('b'), 900);
}

describe('a chain of servers', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });
  const open = async (server: Server): Promise<string> => {
    servers.push(server);
    if (!server.listening) await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  };

  test('passes the deadline on from hop to hop, and ends all work when it has passed', async () => {
    const closed: Promise<unknown>[] = [];
    const seen: number[] = [];
    const last = await open(
      createServer((request, response) => {
        seen.push(Number(request.headers['connect-timeout-ms']));
        closed.push(once(response, 'close')); // it never responds
      }).listen(0, '127.0.0.1'),
    );
    const inner: KyoaFetch = createFetch({ use: [timeout(30_000), retry(), deadline()] });
    const handle = createHandler({ use: [deadline({ trust: true, max: 10_000 })] }, (_, { signal, deadline }) =>
      inner(last, { signal, deadline }),
    );
    const first = await open(listen(handle, 0));

    const outer = createFetch({ use: [deadline()] });
    const started = performance.now();
    const response = await outer(first, { deadline: started + 400 });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ title: 'The deadline has passed' });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeLessThanOrEqual(400);
    expect(seen[0]).toBeGreaterThan(0);
    await Promise.all(closed); // the connection to the last server was closed
    expect(openSockets(Number(new URL(last).port)).filter(({ referenced }) => referenced)).toEqual([]);
  });

  test('does not shorten the time by a field of a stranger', async () => {
    const handle = createHandler({ use: [deadline({ max: 10_000 })] }, (request, { deadline }) =>
      Response.json([Math.round((deadline! - performance.now()) / 1_000), request.headers.get(field)]),
    );
    const edge = await open(listen(handle, 0));
    const response = await fetch(edge, { headers: { [field]: '1' } });
    expect(await response.json()).toEqual([10, null]);
  });
});

test.each<[DeadlineOptions, string]>([
  [{ header: 'not a name' }, 'deadline header must be a header name, got "not a name"'],
  [{ max: 0 }, 'deadline max must be a number of milliseconds above 0, got 0'],
  [{ max: 3 }, 'deadline max must be at least min, 5, got 3'],
  [{ min: -1 }, 'deadline min must be a number of milliseconds, 0 or more, got -1'],
  [{ trust: 'all' as never }, 'deadline trust must be true or false, got "all"'],
  [{ total: 5 } as never, 'deadline has no option total; it has header, min, max, trust'],
])('%o is refused: %s', (options, message) => {
  expect(() => deadline(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }));
});
