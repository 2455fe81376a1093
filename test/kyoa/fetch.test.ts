/** The transport of the client, and the pipeline of the client as a fetch. */
import { afterEach, describe, expect, expectTypeOf, vi } from 'vitest';
import kyoa, {
  constant,
  createFetch,
  standard,
  type Fetch,
  type InstanceExtension,
  type KyoaFetch,
  type Options,
} from '../../src/index.ts';
import { clients, hang, test } from './server.ts';

const transport = (): Fetch & ReturnType<typeof vi.fn<Fetch>> => vi.fn<Fetch>((input, init) => fetch(input, init));

describe.each(clients)('$name as a client', ({ client }) => {
  test('sends through the fetch of the instance, of its extension, of the call', async ({ server }) => {
    const [one, two, three] = [transport(), transport(), transport()];
    const api = client.create({ fetch: one });
    await api.get(server.origin);
    await api.extend({ fetch: two }).get(server.origin);
    await api.get(server.origin, { fetch: three });
    await api.get(server.origin);

    expect([one, two, three].map(({ mock }) => mock.calls.length)).toEqual([2, 1, 1]);
    expect(server.requests).toHaveLength(4);
    expect(one.mock.calls[0]?.[0]).toBeInstanceOf(Request);
  });

  test('passes its fetch a Request, with a body, too', async ({ server }) => {
    const seen: unknown[] = [];
    const log: Fetch = async (request, init) => {
      const { method, url } = request as Request;
      seen.push(method, url, await (request as Request).clone().text(), init && 'next' in init);
      return fetch(request, init);
    };
    await client.post(server.origin, { json: { a: 1 }, fetch: log });
    await client.create({ fetch: log }).put(server.origin, { body: 'text', next: 1 } as Options);

    const [url] = [`${server.origin}/`];
    expect(seen).toEqual(['POST', url, '{"a":1}', false, 'PUT', url, 'text', true]);
    expect(server.requests.map(({ body }) => body)).toEqual(['{"a":1}', 'text']);
  });

  test('accepts a mock as its fetch', async () => {
    const api = client.create({ fetch: async () => Response.json({ name: 'Test' }) });
    expect(await api.get('https://example.com').json()).toEqual({ name: 'Test' });
  });

  test('looks the global fetch up at each call', async ({ server }) => {
    const global = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('mocked'));
    expect(await client.get(server.origin).text()).toBe('mocked');
    global.mockRestore();
    expect(await client.get(server.origin).json()).toMatchObject({ method: 'GET' });
  });

  test('passes a dispatcher to the fetch of the platform', async ({ server }) => {
    interface Dispatcher {
      dispatch(...args: unknown[]): boolean;
    }
    const platform = Object.getOwnPropertySymbols(globalThis).find((symbol) =>
      symbol.description?.startsWith('undici.globalDispatcher'),
    );
    await fetch(server.origin); // creates the dispatcher of the platform
    const dispatcher = {
      dispatch: vi.fn<Dispatcher['dispatch']>((...args) =>
        (globalThis as Record<symbol, Dispatcher>)[platform!]!.dispatch(...args),
      ),
    };
    await client.extend({ dispatcher } as InstanceExtension).get(server.origin);
    await client.get(server.origin, { dispatcher } as Options);

    expect(dispatcher.dispatch).toHaveBeenCalledTimes(2);
    expect(server.requests).toHaveLength(3);
  });

  test('can itself be the fetch of another library', async ({ server }) => {
    const response: Response = await client(new Request(server.origin, { method: 'POST', body: 'hello' }));
    expect(await response.json()).toMatchObject({ method: 'POST', body: 'hello' });
  });
});

describe('kyoa', () => {
  const api = kyoa.create({ use: standard({ retry: { backoff: constant(0) } }) });

  test('shares no response between transports', async () => {
    const as =
      (user: string): Fetch =>
      async () =>
        new Response(user);
    const url = 'http://127.0.0.1/me';
    const alice = kyoa.create({ fetch: as('alice') });
    const bob = alice.extend({ fetch: as('bob') });
    const calls = [
      alice.get(url),
      bob.get(url),
      alice.get(url, { fetch: as('carol') }),
      alice.get(url, { fetch: as('dave') }),
    ];

    expect(await Promise.all(calls.map((call) => call.text()))).toEqual(['alice', 'bob', 'carol', 'dave']);
  });

  describe('fetch', () => {
    test('is the pipeline without ky: without HTTPError, Accept and defaults for requests', async ({ server }) => {
      server.respond(404);
      const { fetch } = kyoa.create({
        headers: { a: '1' },
        prefix: 'nowhere',
        hooks: { beforeRequest: [() => new Response()] },
      });
      const response = await fetch(`${server.origin}/users`);

      expect(response.status).toBe(404);
      expect(server.last.url).toBe('/users');
      expect(server.last.headers).not.toHaveProperty('a');
      expect(server.last.headers.accept).toBe('*/*');
    });

    test('takes every argument that fetch takes', async ({ server }) => {
      await api.fetch(new URL(server.origin), { method: 'post', body: 'text', headers: [['a', '1']] });
      expect(server.last).toMatchObject({ method: 'POST', body: 'text', headers: { a: '1' } });
      await api.fetch(new Request(server.origin, { method: 'PUT', body: 'text' }));
      expect(server.last).toMatchObject({ method: 'PUT', body: 'text' });
      await expect(api.fetch('no url')).rejects.toThrow(TypeError);
    });

    test('has the policies, and takes their overrides', async ({ server }) => {
      server.respond(503, 200, 503, 200);
      expect((await api.fetch(server.origin)).status).toBe(200);
      expect((await api.fetch(server.origin, { retry: false })).status).toBe(503);
      server.respond(hang);
      await expect(api.fetch(server.origin, { timeout: 20 })).rejects.toMatchObject({ phase: 'total' });
    });

    test('has the defaults of the instance for the policies, also when extended', async ({ server }) => {
      server.respond(503);
      const { fetch } = api.extend({ retry: 1 });
      await fetch(server.origin);
      expect(server.requests).toHaveLength(2);
      await fetch(server.origin, { retry: { statuses: [404] } });
      expect(server.requests).toHaveLength(3);

      const inside = vi.fn();
      const extended = fetch.extend({ use: [(_, next) => (inside(), next())] });
      expectTypeOf(extended).toEqualTypeOf<KyoaFetch>();
      await extended(server.origin);
      expect(inside).toHaveBeenCalledTimes(2);
      expect(server.requests).toHaveLength(5);
    });

    test('has its overrides where `extend` says, for a library that passes options of its own', async ({ server }) => {
      server.respond(503);
      const plain = api.extend({ retry: 1 }).fetch.extend({ overrides: false });
      await plain(server.origin, { retry: 0 });
      expect(server.requests).toHaveLength(2);
      await plain.extend({ use: [] })(server.origin, { retry: 0 });
      expect(server.requests).toHaveLength(4);
      await plain.extend({ overrides: 'kyoa' })(server.origin, { kyoa: { retry: 0 } } as RequestInit);
      expect(server.requests).toHaveLength(5);
    });

    test('works without this', async ({ server }) => {
      const { fetch } = kyoa;
      expect((await fetch(server.origin)).status).toBe(200);
      expect((await Reflect.apply(fetch, undefined, [server.origin])).status).toBe(200);
    });
  });

  describe('fetch as the global fetch', () => {
    const original = globalThis.fetch;
    afterEach(() => {
      globalThis.fetch = original;
    });

    test('does not call itself', async ({ server }) => {
      globalThis.fetch = api.fetch;

      expect((await fetch(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(1);
      expect(await kyoa.get(server.origin).json()).toMatchObject({ method: 'GET' });
      expect(await createFetch()(server.origin)).toBeInstanceOf(Response);
      expect(server.requests).toHaveLength(3);
    });

    test('gives every caller of fetch the policies', async ({ server }) => {
      server.respond(503, 200);
      globalThis.fetch = api.fetch;
      expect((await fetch(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });
  });
});
