/** The options that hooks set, and the options that hooks are given. */
import { describe, expect, vi } from 'vitest';
import kyoa, {
  constant,
  HTTPError,
  isTimeoutError,
  standard,
  type AfterResponseHook,
  type InitHook,
  type Kyoa,
  type Middleware,
  type NormalizedOptions,
  type Options,
} from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, hang, json, test, type TestServer } from './server.ts';

/** What an `init` hook sets. The types of ky do not know the options of kyoa. */
const setting =
  (options: object): InitHook =>
  (given) =>
    void Object.assign(given, options);

/** Each way to give a call an `init` hook. */
const ways: Record<
  string,
  (client: Kyoa, ...init: InitHook[]) => (url: string, options?: Options) => Promise<Response>
> = {
  create: (client, ...init) => client.create({ hooks: { init } }).get,
  extend: (client, ...init) => client.extend({ hooks: { init } }).get,
  'a function of the parent': (client, ...init) => client.extend(() => ({ hooks: { init } })).get,
  'a call':
    (client, ...init) =>
    (url, options) =>
      client.get(url, { ...options, hooks: { init } }),
};

async function requestsOf(server: TestServer, call: () => Promise<unknown>): Promise<number> {
  const before = server.requests.length;
  await expect(call()).rejects.toThrow(HTTPError);
  return server.requests.length - before;
}

describe.each(clients)('$name as a client', ({ client }) => {
  describe.each(Object.entries(ways))('an init hook of %s', (_, withInit) => {
    test('sets the number of retries', async ({ server }) => {
      server.respond(503);
      for (const [retry, requests] of [
        [1, 2],
        [0, 1],
        [{ limit: 1 }, 2],
      ] as const) {
        const get = withInit(client, setting({ retry }));
        expect(await requestsOf(server, () => get(server.origin))).toBe(requests);
        expect(await requestsOf(server, () => get(server.origin, { retry: 2 }))).toBe(requests);
      }
    });

    test('sets the limits', async ({ server }) => {
      server.respond(hang);
      for (const limits of [{ timeout: 20 }, { totalTimeout: 20 }, { timeout: false, totalTimeout: 20 }]) {
        const error = await reasonOf(withInit(client, setting({ ...limits, retry: 0 }))(server.origin));
        expect(error).toSatisfy(isTimeoutError);
      }
    });

    test('sets the fetch', async ({ server }) => {
      const fetch = vi.fn(async () => new Response('mine'));
      expect(await (await withInit(client, setting({ fetch }))(server.origin)).text()).toBe('mine');
      expect(server.requests).toHaveLength(0);
    });

    test('sets the signal', async ({ server }) => {
      const signal = AbortSignal.abort('enough');
      const get = withInit(client, setting({ signal }));
      await expect(get(server.origin)).rejects.toBe('enough');
      await expect(get(server.origin, { signal: new AbortController().signal })).rejects.toBe('enough');
      expect(server.requests).toHaveLength(0);
    });
  });

  test('passes init hooks what the caller has set, and the last hook wins', async ({ server }) => {
    const seen: unknown[] = [];
    const { signal } = new AbortController();
    const see: InitHook = ({ retry, timeout, totalTimeout, signal }) => {
      seen.push(retry, timeout, totalTimeout, signal instanceof AbortSignal);
    };
    const api = client.create({ retry: 0, timeout: 4_000, hooks: { init: [setting({ retry: 3 }), see] } });
    server.respond(503);
    await requestsOf(server, () =>
      api.get(server.origin, { totalTimeout: 5_000, signal, hooks: { init: [setting({ retry: 0 })] } }),
    );
    expect(seen).toEqual([3, 4_000, 5_000, true]);
    expect(server.requests).toHaveLength(1);
  });

  test('leaves what an init hook changes in place to this call', async ({ server }) => {
    let changes = true;
    const change: InitHook = (options) => {
      if (changes) Object.assign(options.retry as object, { limit: 0 });
    };
    const api = client.create({ retry: { limit: 1 }, hooks: { init: [change] } });
    server.respond(503);
    expect(await requestsOf(server, () => api.get(server.origin))).toBe(1);
    changes = false;
    expect(await requestsOf(server, () => api.get(server.origin))).toBe(2);
  });

  test('sends as many retries as a beforeRequest hook allows', async ({ server }) => {
    server.respond(503);
    const change = ({ options }: { options: NormalizedOptions }): void => void (options.retry.limit = 0);
    const api = client.extend({ hooks: { beforeRequest: [change] } });
    expect(await requestsOf(server, () => api.get(server.origin, { retry: 1 }))).toBe(1);
  });

  test('sends a body that an init hook sets, as it was then', async ({ server }) => {
    const body = new TextEncoder().encode('before');
    const init: InitHook = (options) => void (options.body = body);
    const call = client.post(server.origin, { hooks: { init: [init] } });
    body.fill(0);
    await call;
    expect(client === kyoa ? server.last.body : 'before').toBe('before'); // ky 2.1 sends the changed bytes
  });

  describe('the request and the options of a hook', () => {
    const again =
      (change: object = {}): AfterResponseHook =>
      ({ request, options, response }) => {
        if (response.status !== 401) return undefined;
        request.headers.set('authorization', 'fresh');
        return client(request, { ...options, ...change });
      };
    const protect = (server: TestServer): void =>
      server.respond((response, { headers }) => json(response, {}, headers.authorization === 'fresh' ? 200 : 401));

    test('repeat the call with a new token', async ({ server }) => {
      protect(server);
      const api = client.extend({ hooks: { afterResponse: [again()] } });
      expect((await api.get(server.origin, { retry: 1, headers: { a: '1' } })).status).toBe(200);
      expect((await api.post(server.origin, { json: { a: 1 } })).status).toBe(200);
      expect(server.requests.map(({ method, body }) => method + body)).toEqual([
        'GET',
        'GET',
        'POST{"a":1}',
        'POST{"a":1}',
      ]);
      expect(server.requests[1]?.headers).toMatchObject({ a: '1', authorization: 'fresh' });
    });

    test('repeat it with as many retries, or as many as the hook says', async ({ server }) => {
      const counts: number[] = [];
      for (const change of [{}, { retry: 0 }]) {
        server.respond(401, 503);
        const before = server.requests.length;
        server.respond(...Array<number>(before + 1).fill(401), 503);
        const api = client.extend({ hooks: { afterResponse: [again(change)] } });
        await expect(api.get(server.origin, { retry: 1 })).rejects.toThrow(HTTPError);
        counts.push(server.requests.length - before);
      }
      expect(counts).toEqual([3, 2]);
    });

    test('repeat it under the signal of the call', async ({ server }) => {
      const controller = new AbortController();
      server.respond(401, () => controller.abort('enough'));
      const api = client.extend({ hooks: { afterResponse: [again()] } });
      await expect(api.get(server.origin, { signal: controller.signal })).rejects.toBe('enough');
      expect(server.requests).toHaveLength(2);
    });
  });
});

describe('kyoa', () => {
  const api = kyoa.create({ use: standard({ retry: { backoff: constant(0) } }) });

  describe('an init hook', () => {
    test('sets the options of any policy, and of a middleware by its name', async ({ server }) => {
      const seen: unknown[] = [];
      const tenant: Middleware = function tenant(ctx, next) {
        seen.push(ctx.options['tenant'], ctx.options['dedupe'], ctx.id);
        return next();
      };
      const init = [setting({ tenant: 'acme', dedupe: false, requestId: 'order-42' })];
      await api.extend({ use: [tenant], hooks: { init } }).get(server.origin);
      expect(seen).toEqual(['acme', false, 'order-42']);
    });

    test('sees the options of the policies, and takes one away', async ({ server }) => {
      const seen: unknown[] = [];
      const init: InitHook = (options) => {
        seen.push({ ...(options as Options) });
        delete options.retry;
      };
      server.respond(503, 200);
      await api
        .extend({ retry: false, breaker: { volume: 30 }, hooks: { init: [init] } })
        .get(server.origin, { breaker: { ratio: 0.9 } });
      expect(seen).toEqual([expect.objectContaining({ retry: false, breaker: { volume: 30, ratio: 0.9 } })]);
      expect(server.requests).toHaveLength(2);
    });

    test('fails the call if it sets what is no option, and names it', async ({ server }) => {
      for (const options of [{ timeout: -1 }, { retry: { limit: -1 } }, { retry: -1 }]) {
        const hooks = { init: [setting(options)], afterResponse: [() => undefined] };
        expect(await reasonOf(api.get(server.origin, { hooks }))).toMatchObject({ code: 'INVALID_OPTION' });
      }
      expect(server.requests).toHaveLength(0);
    });
  });

  test('repeats a call from a hook with the options of its policies', async ({ server }) => {
    const seen: unknown[] = [];
    const tenant: Middleware = function tenant(ctx, next) {
      seen.push(ctx.options['tenant'], ctx.options['retry']);
      return next();
    };
    const base = api.extend({ use: [tenant] });
    const hook: AfterResponseHook = ({ request, options, response, retryCount }) =>
      response.status === 401 && retryCount === 0 ? base(request, options) : undefined;
    server.respond(401, 200);
    const retry = { retries: 5, statuses: [503] };
    await base.get(server.origin, { retry, tenant: 'acme', hooks: { afterResponse: [hook] } } as Options);
    expect(seen).toEqual(['acme', retry, 'acme', retry]);

    server.respond(...Array<number>(server.requests.length + 1).fill(401), 503);
    const fewer: AfterResponseHook = ({ request, options, response }) =>
      response.status === 401
        ? base(request, { ...options, retry: { ...options.retry, limit: 1 }, throwHttpErrors: false })
        : undefined;
    const before = server.requests.length;
    await reasonOf(base.get(server.origin, { retry, hooks: { afterResponse: [fewer] } }));
    expect(server.requests.length - before).toBe(3);
  });

  test('keeps its own hooks when a call removes those of the instance', async ({ server }) => {
    server.respond(503, 200, 503, 200);
    const removing = { hooks: { beforeRequest: undefined, init: undefined } };
    const used = api.extend({ hooks: { beforeRequest: [() => undefined] } });
    for (const put of [api.put, used.put]) await put(server.origin, { json: { a: 1 }, ...removing });
    expect(server.requests.map(({ body }) => body)).toEqual(Array(4).fill('{"a":1}'));
  });
});
