/** What an instance inherits with `create` and `extend`, and how options are merged. */
import type { KyInstance } from 'ky';
import { describe, expect, expectTypeOf, vi } from 'vitest';
import kyoa, {
  createFetch,
  hedge,
  KyoaError,
  memory,
  observe,
  replaceOption,
  retry,
  standard,
  type InstanceExtension,
  type InstanceOptions,
  type Kyoa,
  type Middleware,
  type Options,
} from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, test } from './server.ts';

describe.each(clients)('$name as a client', ({ client }) => {
  test('exports stop and retry', () => {
    expect(client.stop).toBeTypeOf('symbol');
    expect(client.retry()).toBeTypeOf('object');
    expect(client.create().stop).toBe(client.stop);
  });

  describe('create', () => {
    test('creates an instance with defaults', async ({ server }) => {
      const api = client.create({
        baseUrl: `${server.origin}/api/`,
        headers: { a: '1' },
        searchParams: { b: 2 },
        json: { c: 3 },
      });
      await api.post('users');

      expect(server.last).toMatchObject({ url: '/api/users?b=2', headers: { a: '1' }, body: '{"c":3}' });
    });

    test('inherits nothing from the instance on which it is called', async ({ server }) => {
      const parent = client.create({ headers: { a: '1' }, hooks: { beforeRequest: [() => new Response('parent')] } });
      await parent.create().get(server.origin);

      expect(server.last.headers).not.toHaveProperty('a');
    });
  });

  describe('extend', () => {
    test('leaves the parent unchanged', async ({ server }) => {
      const parent = client.create({ headers: { a: '1' } });
      parent.extend({ headers: { a: '2' }, searchParams: { b: 1 } });
      await parent.get(server.origin);

      expect(server.last).toMatchObject({ url: '/', headers: { a: '1' } });
    });

    test('replaces options that are no objects', async ({ server }) => {
      const api = client.create({ prefix: 'http://nowhere.invalid', throwHttpErrors: true });
      server.respond(404);
      const response = await api.extend({ prefix: server.origin, throwHttpErrors: false }).get('users');

      expect(response.status).toBe(404);
      expect(server.last.url).toBe('/users');
    });

    test('merges headers, and removes those that are undefined', async ({ server }) => {
      const api = client
        .create({ headers: { rainbow: '1', unicorn: '2' } })
        .extend({ headers: { rainbow: undefined, extra: '3' } })
        .extend({ headers: new Headers({ extra: 'undefined', more: '4' }) });
      await api.get(server.origin);

      expect(server.last.headers).toMatchObject({ unicorn: '2', more: '4' });
      expect(server.last.headers).not.toHaveProperty('rainbow');
      expect(server.last.headers).not.toHaveProperty('extra');
    });

    test('appends hooks, and removes those that are undefined', async ({ server }) => {
      const order: number[] = [];
      const note = (n: number) => (): void => void order.push(n);
      const parent = client.create({ hooks: { beforeRequest: [note(1)], afterResponse: [note(2)] } });
      await parent
        .extend({ hooks: { beforeRequest: [note(3)] } })
        .get(server.origin, { hooks: { beforeRequest: [note(4)] } });
      expect(order.splice(0)).toEqual([1, 3, 4, 2]);

      await parent.extend({ hooks: { beforeRequest: undefined, afterResponse: [note(5)] } }).get(server.origin);
      expect(order.splice(0)).toEqual([2, 5]);

      await parent.get(server.origin, { hooks: { beforeRequest: undefined } });
      expect(order.splice(0)).toEqual([2]);
    });

    test('appends searchParams, and removes those that are undefined', async ({ server }) => {
      const api = client
        .create({ searchParams: { a: 1, b: 1 } })
        .extend({ searchParams: 'c=1' })
        .extend({ searchParams: [['a', 2]] });
      await api.get(server.origin);
      expect(server.last.url).toBe('/?a=1&b=1&c=1&a=2');

      await api.extend({ searchParams: { a: undefined } }).get(`${server.origin}/?a=0`, { searchParams: { d: 1 } });
      expect(server.last.url).toBe('/?b=1&c=1&d=1');
    });

    test('merges context, one level deep', async ({ server }) => {
      let context: unknown;
      const api = client
        .create({
          context: { a: 1, b: { nested: true } },
          hooks: { beforeRequest: [({ options }) => void (context = options.context)] },
        })
        .extend({ context: { b: { updated: true }, c: 3 } });
      await api.get(server.origin);

      expect(context).toEqual({ a: 1, b: { updated: true }, c: 3 });
    });

    test('replaces an option that replaceOption wraps', async ({ server }) => {
      const hook = vi.fn();
      const parent = client.create({
        headers: { a: '1' },
        searchParams: { b: 1 },
        context: { c: 1 },
        hooks: { beforeRequest: [hook], afterResponse: [hook] },
      });
      let context: unknown;
      const api = parent.extend({
        headers: replaceOption({ d: '1' }),
        searchParams: replaceOption({ e: 1 }),
        context: replaceOption({ f: 1 }),
        hooks: replaceOption({ beforeRequest: [({ options }) => void (context = options.context)] }),
      });
      await api.get(server.origin);

      expect(server.last).toMatchObject({ url: '/?e=1', headers: { d: '1' } });
      expect(server.last.headers).not.toHaveProperty('a');
      expect(context).toEqual({ f: 1 });
      expect(hook).not.toHaveBeenCalled();

      await api.extend({ headers: { g: '1' } }).get(server.origin);
      expect(server.last.headers).toMatchObject({ d: '1', g: '1' });
    });

    test('takes a function of the parent', async ({ server }) => {
      const api = client.create({ prefix: `${server.origin}/api`, headers: { a: '1' } });
      const users = api.extend(({ prefix }) => ({ prefix: `${prefix as string}/users` }));
      await users.get('123');
      expect(server.last).toMatchObject({ url: '/api/users/123', headers: { a: '1' } });
      await api.get('version');
      expect(server.last.url).toBe('/api/version');
    });
  });

  describe('signals', () => {
    test('of the instances and of the call all abort a call', async ({ server }) => {
      server.respond(() => {});
      for (const which of [0, 1, 2] as const) {
        const controllers = [new AbortController(), new AbortController(), new AbortController()] as const;
        const [one, two, three] = controllers;
        const api = client.create({ signal: one.signal }).extend({ signal: two.signal });
        const reason = reasonOf(api.get(server.origin, { signal: three.signal }));
        controllers[which].abort(which);
        expect(await reason).toBe(which);
      }
    });

    test('of the instance are removed by undefined and replaced by replaceOption', async ({ server }) => {
      const gone = AbortSignal.abort('gone');
      const parent = client.create({ signal: gone });
      await expect(parent.get(server.origin)).rejects.toBe('gone');
      await expect(parent.get(server.origin, { signal: null })).rejects.toBe('gone');

      expect((await parent.extend({ signal: undefined }).get(server.origin)).status).toBe(200);
      expect((await parent.get(server.origin, { signal: undefined })).status).toBe(200);

      const { signal } = new AbortController();
      expect((await parent.extend({ signal: replaceOption(signal) }).get(server.origin)).status).toBe(200);
      expect((await parent.get(server.origin, { signal: replaceOption(signal) })).status).toBe(200);
      await expect(parent.get(server.origin, { signal: replaceOption(AbortSignal.abort('mine')) })).rejects.toBe(
        'mine',
      );
    });
  });
});

describe('kyoa', () => {
  const order: string[] = [];
  /** A middleware that notes each call that passes it. */
  const layer = (name: string): Middleware => {
    const middleware: Middleware = (ctx, next) => {
      order.push(ctx.options[name] === undefined ? name : `${name} ${JSON.stringify(ctx.options[name])}`);
      return next();
    };
    return Object.defineProperty(middleware, 'name', { value: name });
  };

  describe('create', () => {
    test('replaces the stack with `use`, whose first middleware is the outermost', async ({ server }) => {
      order.length = 0;
      server.respond(503, 200);
      const api = kyoa.create({ use: [layer('a'), layer('b')] });

      await expect(api.get(server.origin)).rejects.toThrow('503');
      expect(order).toEqual(['a', 'b']);
      expect(server.requests).toHaveLength(1);
    });

    test('has the standard stack by default', async ({ server }) => {
      server.respond(503, 200);
      expect((await kyoa.create({ headers: {} }).get(server.origin)).status).toBe(200);
      expect(server.requests).toHaveLength(2);
    });

    test('takes a function from the standard stack to its own', async ({ server }) => {
      const seen: string[][] = [];
      const own: Middleware = (ctx, next) => {
        seen.push(ctx.stack.map(({ name }) => name));
        return next();
      };
      await kyoa.create({ use: (stack) => [own, ...stack] }).get(server.origin);
      expect(seen).toEqual([['own', 'timeout', 'dedupe', 'resume', 'idempotency', 'retry', 'breaker', 'timeout']]);
    });

    test.each<[string, InstanceOptions]>([
      ['retry is 3', { use: [hedge()], retry: 3 }],
      ['retry is {"retries":3}', { use: [], retry: { retries: 3 } }],
      ['timeout is 5000', { use: [retry()], timeout: 5_000 }],
      ['totalTimeout is 5000', { use: [retry()], totalTimeout: 5_000 }],
      ['hedge is true', { hedge: true }],
    ])('refuses an option that no policy of the stack reads: %s', (message, options) => {
      const refusal: unknown = expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringMatching(
          new RegExp(`^${message.replace(/[{}]/g, '\\$&')}, but there is no \\w+ in the stack: add`),
        ) as string,
      });
      expect(() => kyoa.create(options)).toThrow(refusal);
      const { use = (stack) => stack, ...others } = options;
      expect(() =>
        kyoa.extend({ ...others, use: () => (typeof use === 'function' ? use(standard()) : (use as Middleware[])) }),
      ).toThrow(refusal);
    });

    test('takes `false` and 0 for a policy that is not in the stack, and the names that a minifier has left', () => {
      expect(kyoa.create({ use: [], retry: false })).toBeTypeOf('function');
      for (const retry of [0, { limit: 0 }, { retries: 0 }])
        expect(kyoa.create({ use: [], retry })).toBeTypeOf('function');
      expect(() => kyoa.create({ use: [], retry: { limit: 1 } })).toThrow('there is no retry in the stack');
      const minified = hedge();
      Object.defineProperty(minified, 'name', { value: 'a' });
      expect(kyoa.create({ use: [minified], hedge: { hedges: 2 } })).toBeTypeOf('function');
    });

    test('takes an option of a policy that another middleware calls', async ({ server }) => {
      server.respond(503, 200);
      const again = retry({ retries: 0 });
      const use: Middleware[] = [(ctx, next) => again(ctx, next)];
      expect((await kyoa.create({ use, retry: 1 }).get(server.origin)).status).toBe(200);
    });

    test.each([null, 3, 'retry', new Set([retry()]), {}])('refuses %s in place of a list', (use) => {
      const options = { use: use as never };
      for (const create of [
        () => kyoa.create(options),
        () => kyoa.extend(options),
        () => createFetch(options),
        () => createFetch().extend(options),
      ]) {
        expect(create).toThrow(KyoaError);
        expect(create).toThrow(/^use must be a list/);
      }
    });

    test.each([undefined, null, Promise.resolve([])])(
      'refuses %s as the result of a function in place of a list',
      (use) => {
        const options = { use: () => use as never };
        for (const create of [
          () => kyoa.create(options),
          () => kyoa.extend(options),
          () => createFetch().extend(options),
        ])
          expect(create).toThrow(/^use must be a list of middleware/);
      },
    );

    test('refuses one policy in place of a list', () => {
      const message =
        'use must be a list, such as [retry()], or a function from the present stack to the new one, got function retry';
      const use = retry() as never;
      const refusal: unknown = expect.objectContaining({ code: 'INVALID_OPTION', message });
      expect(() => kyoa.create({ use })).toThrow(refusal);
      expect(() => kyoa.extend({ use })).toThrow(refusal);
    });

    test('gives its storage to policies, and extend keeps it', async ({ server }) => {
      const storage = memory();
      const seen: unknown[] = [];
      const api = kyoa.create({
        storage,
        use: [
          (ctx, next) => {
            seen.push(ctx.storage);
            return next();
          },
        ],
      });
      await api.get(server.origin);
      await api.extend({ searchParams: 'page=2' }).get(server.origin);
      const other = memory();
      await api.extend({ storage: other }).get(server.origin);

      expect(seen).toEqual([storage, storage, other]);
      expect(seen[0]).toBe(storage);
      expect(seen[2]).toBe(other);
    });

    test('throws for a middleware that is no function', () => {
      expect(() => kyoa.create({ use: ['retry' as never] })).toThrow(KyoaError);
    });
  });

  describe('extend', () => {
    test('adds a list inside the stack', async ({ server }) => {
      order.length = 0;
      server.respond(503, 200);
      const api = kyoa.create({ use: [layer('outside'), retry()] }).extend({ use: [layer('inside')] });
      await api.get(server.origin);

      expect(order).toEqual(['outside', 'inside', 'inside']);
    });

    test('rewrites the stack with a function', async ({ server }) => {
      order.length = 0;
      const api = kyoa.create({ use: [layer('a'), layer('b')] });
      await api.extend({ use: (stack) => [layer('c'), ...stack.toReversed()] }).get(server.origin);
      expect(order).toEqual(['c', 'b', 'a']);

      order.length = 0;
      await api.extend((parent) => ({ ...parent, headers: { x: '1' } })).get(server.origin);
      expect(order).toEqual(['a', 'b']);
    });

    test('passes a function the options of ky and the transport of the parent', async ({ server }) => {
      const fetch = vi.fn(globalThis.fetch);
      const parent = kyoa.create({ fetch, timeout: 3_000, requestId: 'order-42', headers: { a: '1' } });
      const noted = vi.fn();
      const child = parent.extend((options) => {
        expect(options).toStrictEqual({ fetch, headers: { a: '1' } });
        return { ...options, fetch: (input, init) => (noted(), options.fetch!(input, init)) };
      });
      await child.get(server.origin);

      expect(noted).toHaveBeenCalledTimes(1);
      expect(fetch).toHaveBeenCalledTimes(1);
    });

    test('shares the policies and their state', async ({ server }) => {
      const calls: string[] = [];
      const parent = kyoa.create({ use: [observe(({ type }) => void calls.push(type))] });
      await parent.extend({ headers: { a: '1' } }).get(server.origin);
      expect(calls).toContain('attempt.sent');
    });
  });

  describe('overrides', () => {
    test('of a call go to the policy of their name, and not to the transport', async ({ server }) => {
      order.length = 0;
      const inits: object[] = [];
      const fetch = async (_: unknown, init: object = {}): Promise<Response> => {
        inits.push(init);
        return new Response();
      };
      const api = kyoa.create({ use: [layer('tenant')], fetch });
      await api.get(server.origin, { tenant: { id: 1 }, colour: 'red' } as Options);

      expect(order).toEqual(['tenant {"id":1}']);
      expect(inits[0]).toMatchObject({ colour: 'red' });
      expect(inits[0]).not.toHaveProperty('tenant');
    });

    test('are merged over those of the instance, and those over those of its parent', async ({ server }) => {
      order.length = 0;
      const api = kyoa
        .create({ use: [layer('tenant')], tenant: { a: 1, list: [1] } } as InstanceOptions)
        .extend({ tenant: { b: 2, list: [2] } } as InstanceExtension);
      await api.get(server.origin, { tenant: { a: 3 } } as Options);
      await api.get(server.origin, { tenant: false } as Options);
      await api.get(server.origin, { tenant: undefined } as unknown as Options);
      await api.extend({ tenant: replaceOption({ c: 1 }) } as InstanceExtension).get(server.origin);

      expect(order).toEqual([
        'tenant {"a":3,"list":[2],"b":2}',
        'tenant false',
        'tenant {"a":1,"list":[2],"b":2}',
        'tenant {"c":1}',
      ]);
    });

    test('go to a policy that comes with the same extend', async ({ server }) => {
      order.length = 0;
      await kyoa.extend({ use: [layer('tenant')], tenant: 'a' } as InstanceExtension).get(server.origin);
      expect(order).toEqual(['tenant "a"']);
    });

    test('leave objects of a class unchanged', async ({ server }) => {
      class Tenant {
        readonly #name = 'private';
        get name(): string {
          return this.#name;
        }
      }
      const tenant = new Tenant();
      const seen: unknown[] = [];
      const use: Middleware[] = [
        async function tenancy(ctx, next) {
          seen.push(ctx.options['tenancy']);
          return next();
        },
      ];
      await kyoa
        .create({ use, tenancy: tenant } as InstanceOptions)
        .get(server.origin, { tenancy: new Tenant() } as Options);
      await kyoa.create({ use, tenancy: tenant } as InstanceOptions).get(server.origin);

      expect(seen.map((value) => (value as Tenant).name)).toEqual(['private', 'private']);
      expect(seen[1]).toBe(tenant);
    });

    test('make requestId the id of the call', async ({ server }) => {
      const ids: string[] = [];
      const api = kyoa.extend({ use: [observe(({ id }) => void ids.push(id))] });
      await api.get(server.origin, { requestId: 'order-42' });
      expect(new Set(ids)).toEqual(new Set(['order-42']));
    });

    test('switch observe off', async ({ server }) => {
      const listener = vi.fn();
      const api = kyoa.extend({ use: [observe(listener)] });
      await api.get(server.origin, { observe: false });
      expect(listener).not.toHaveBeenCalled();
    });
  });

  test('has the types of ky, except where kyoa differs', () => {
    expectTypeOf<Kyoa>().toBeCallableWith('users');
    expectTypeOf<Kyoa['get']>().toBeCallableWith(new URL('http://a'), {
      retry: { limit: 2 },
      timeout: { idle: 1 },
      signal: undefined,
    });
    const asKy: KyInstance = kyoa;
    expect(asKy).toBe(kyoa);
    const right = (options: Options): Options => options;
    right({ json: 1, searchParams: [['a', 1]], headers: { a: undefined }, hooks: { beforeRequest: undefined } });
    // @ts-expect-error a misspelt option
    right({ serchParams: '' });
    // @ts-expect-error ky's own retry options
    right({ retry: { statusCodes: [500] } });
    // @ts-expect-error retries run inside the hooks
    right({ hooks: { beforeRetry: [] } });
    // @ts-expect-error a call cannot change the stack
    right({ use: [] });
  });
});
