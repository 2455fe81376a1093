import kyoa, { createFetch, createHandler, retry, type CallOptions, type Middleware } from 'kyoa';
import { policy, type PolicyDocument } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import type { LivePolicy } from '../../src/policy.ts';
import { origin, settled, until, type Exchange, type Origin } from '../support/origin.ts';
import { manualSource } from '../support/policy-source.ts';
import { deferred, reasonOf } from '../support/promises.ts';

const fast = { constant: [0] };
const failing = ({ response }: Exchange): unknown => response.writeHead(503).end();

/** How many requests a call sends to a server that always fails. */
type Attempts = (options?: CallOptions, path?: string) => Promise<number>;

interface EntryPoint {
  readonly server: Origin;
  readonly attempts: Attempts;
}

const withUrl = (server: Origin, path = ''): string => `${server.url}${path}`;

const entryPoints: readonly (readonly [name: string, make: (server: Origin, use: LivePolicy) => EntryPoint])[] = [
  [
    'createFetch',
    (server, use) => {
      const fetch = createFetch({ use });
      return counted(server, (options, path) => fetch(withUrl(server, path), options));
    },
  ],
  [
    'extend of createFetch',
    (server, use) => {
      const fetch = createFetch({ use: [retry({ retries: 9 })] }).extend({ use });
      return counted(server, (options, path) => fetch(withUrl(server, path), options));
    },
  ],
  [
    'createHandler',
    (server, use) => {
      const handle = createHandler({ use }, async (request) => fetch(request.url));
      return counted(server, (options = {}, path) => handle.with(options)(new Request(withUrl(server, path))));
    },
  ],
  [
    'create of the client',
    (server, use) => {
      const api = kyoa.create({ use, throwHttpErrors: false, baseUrl: server.url });
      return counted(server, (options, path = '') => api.get(path, options));
    },
  ],
  [
    'extend of the client',
    (server, use) => {
      const api = kyoa.extend({ use, throwHttpErrors: false });
      return counted(server, (options, path) => api.get(withUrl(server, path), options));
    },
  ],
  [
    'the fetch of the client',
    (server, use) => {
      const { fetch } = kyoa.create({ use });
      return counted(server, (options, path) => fetch(withUrl(server, path), options));
    },
  ],
];

function counted(server: Origin, call: (options?: CallOptions, path?: string) => Promise<Response>): EntryPoint {
  const attempts: Attempts = async (options, path) => {
    const before = server.exchanges.length;
    await (await call(options, path)).text();
    return server.exchanges.length - before;
  };
  return { server, attempts };
}

describe.for(entryPoints)('%s', ([, make]) => {
  test('runs each call through the stack that is in force', async () => {
    await using server = await origin(failing);
    const live = policy({ use: [{ retry: { retries: 1, backoff: fast } }] });
    const { attempts } = make(server, live);
    expect(await attempts()).toBe(2);
    live.update({ use: [{ retry: { retries: 3, backoff: fast } }] });
    expect(await attempts()).toBe(4);
    live.update({ use: [] });
    expect(await attempts()).toBe(1);
  });

  test('gives a call the options of its route, under those of its own', async () => {
    await using server = await origin(failing);
    const { attempts } = make(
      server,
      policy({
        use: [{ retry: { retries: 0, backoff: fast } }],
        routes: {
          '/two*': { retry: 1 },
          [`POST ${server.url}*`]: { retry: 9 },
          [`GET ${server.url}three`]: { retry: { retries: 2 } },
        },
      }),
    );
    expect(await attempts({}, 'one')).toBe(1);
    expect(await attempts({}, 'two?page=3#top')).toBe(2);
    expect(await attempts({}, 'three')).toBe(3);
    expect(await attempts({ retry: { retries: 1 } }, 'three')).toBe(2);
    expect(await attempts({ retry: 4 }, 'three')).toBe(5);
    expect(await attempts({ retry: 0 }, 'three')).toBe(1);
    expect(await attempts({ retry: false }, 'three')).toBe(1);
    expect(await attempts({ retry: undefined }, 'three')).toBe(3);
    expect(await attempts({ retry: { statuses: [500] } }, 'three')).toBe(1);
  });

  test('ends a call with the stack with which it began, over its retries', async () => {
    const gate = deferred();
    await using server = await origin(({ response }) => void gate.promise.then(() => response.writeHead(503).end()));
    const live = policy({ use: [{ retry: { retries: 2, backoff: fast } }], routes: { '*': { retry: 2 } } });
    const { attempts } = make(server, live);
    const running = attempts();
    await until(() => server.exchanges.length === 1);
    live.update({ use: [] });
    gate.resolve();
    expect(await running).toBe(3);
    expect(await attempts()).toBe(1);
  });

  test('lets calls wait for the first document', async () => {
    await using server = await origin(failing);
    const source = manualSource();
    const { attempts } = make(server, policy(source));
    const running = attempts();
    await settled();
    expect(server.exchanges).toHaveLength(0);
    source.document(JSON.stringify({ use: [{ retry: { retries: 2, backoff: fast } }] }));
    expect(await running).toBe(3);
  });

  test('passes the options of a middleware of the program', async () => {
    const seen: unknown[] = [];
    const tenant: Middleware = (ctx, next) => {
      seen.push(ctx.options['tenant']);
      return next();
    };
    await using server = await origin(failing);
    const live = policy(
      { use: ['tenant'], routes: { '*': { tenant: { key: { env: 'KEY' } } } } },
      { middleware: { tenant }, env: () => 'k' },
    );
    const { attempts } = make(server, live);
    await attempts();
    await attempts({ tenant: { id: 7 } } as CallOptions);
    await attempts({ tenant: 'a' } as CallOptions);
    expect(seen).toEqual([{ key: 'k' }, { key: 'k', id: 7 }, 'a']);
  });
});

describe('a live stack', () => {
  const document: PolicyDocument = {
    use: [{ retry: { retries: 1, backoff: fast } }],
    routes: { '*': { retry: { retries: 2 } } },
  };

  test('is extended with a list, inside each of its stacks, and with a function', async () => {
    await using server = await origin(failing);
    const calls: string[] = [];
    const mark =
      (name: string): Middleware =>
      (_, next) => {
        calls.push(name);
        return next();
      };
    const live = policy(document);
    const inner = createFetch({ use: live }).extend({ use: [mark('inner')] });
    const both = inner.extend({ use: (stack) => [mark('outer'), ...stack] });
    await (await both(server.url)).text();
    expect(calls).toEqual(['outer', 'inner', 'inner', 'inner']);
    live.update({ use: [] });
    calls.length = 0;
    await (await both(server.url)).text();
    await (await inner(server.url)).text();
    expect(calls).toEqual(['outer', 'inner', 'inner']);

    const api = kyoa
      .create({ use: live, throwHttpErrors: false })
      .extend({ use: (stack) => [mark('client'), ...stack] });
    calls.length = 0;
    await api.get(server.url).text();
    live.update({ use: [{ retry: { retries: 1, backoff: fast } }] });
    await api.get(server.url).text();
    expect(calls).toEqual(['client', 'client']);
  });

  test('is called once for each stack by a function that extends it', async () => {
    await using server = await origin(failing);
    const live = policy({ use: ['trace'] });
    let calls = 0;
    const fetch = createFetch({ use: live }).extend({ use: (stack) => ((calls += 1), stack) });
    for (let n = 0; n < 3; n += 1) await (await fetch(server.url)).text();
    expect(calls).toBe(1);
    live.update({ use: [] });
    for (let n = 0; n < 3; n += 1) await (await fetch(server.url)).text();
    expect(calls).toBe(2);
  });

  test('rejects each call for which the function that extends it throws', async () => {
    await using server = await origin(failing);
    const live = policy({ use: ['trace'] });
    const fetch = createFetch({ use: live }).extend({
      use: (stack) => {
        if (stack.length === 0) throw new Error('an empty stack');
        return stack;
      },
    });
    live.update({ use: [] });
    for (let n = 0; n < 3; n += 1) expect(await reasonOf(fetch(server.url))).toEqual(new Error('an empty stack'));
    live.update({ use: ['trace'] });
    expect((await fetch(server.url)).status).toBe(503);
  });

  test('is shared by two clients with its state', async () => {
    await using server = await origin(failing);
    const live = policy({ use: [{ breaker: { volume: 2, cooldown: 600_000 } }] });
    const [one, two] = [createFetch({ use: live }), kyoa.create({ use: live, throwHttpErrors: false })];
    await (await one(server.url)).text();
    await two.get(server.url).text();
    await expect(one(server.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    await expect(two.get(server.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });

  test('has options of a client instance over those of a route', async () => {
    await using server = await origin(failing);
    const api = kyoa.create({ use: policy(document), retry: 0, throwHttpErrors: false });
    await api.get(server.url);
    expect(server.exchanges).toHaveLength(1);
    await api.get(server.url, { retry: { limit: 3 } });
    expect(server.exchanges).toHaveLength(5);
    await api.extend({ retry: { statuses: [500] } }).get(server.url);
    expect(server.exchanges).toHaveLength(6);
  });

  test('limits the parsing of a body by the total of the route', async () => {
    await using server = await origin(({ response }) => {
      response.write('{ "a":');
      setTimeout(() => response.end('1 }'), 150);
    });
    const live = policy({ use: [{ timeout: 50 }], routes: { '*': { timeout: 60_000 } } });
    const api = kyoa.create({ use: live });
    expect(await api.get(server.url, { parseJson: (text) => JSON.parse(text) }).json()).toEqual({ a: 1 });
    live.update({ use: [{ timeout: 60_000 }], routes: { '*': { timeout: 50 } } });
    await expect(api.get(server.url).json()).rejects.toMatchObject({ phase: 'total', limit: 50 });
  });

  test('reports no option as unused, for a policy that it may have later', async () => {
    await using server = await origin(failing);
    const live = policy({ use: [] });
    const api = kyoa.create({ use: live, retry: 1, throwHttpErrors: false });
    await api.get(server.url, { hedge: 0.1 });
    live.update({ use: [{ retry: { backoff: fast } }] });
    await api.get(server.url);
    expect(server.exchanges).toHaveLength(3);
  });
});

describe('a call that waits for the first document', () => {
  test('ends at once with the reason of a caller who leaves, and leaves no listener', async () => {
    const live = policy(manualSource());
    const caller = new AbortController();
    const before = new AbortController();
    before.abort(new Error('left before'));
    const fetch = createFetch({ use: live });
    expect(await reasonOf(fetch('http://a.example/', { signal: before.signal }))).toEqual(new Error('left before'));
    const calls = [
      fetch('http://a.example/', { signal: caller.signal }),
      kyoa.create({ use: live }).get('http://a.example/', { signal: caller.signal }),
      createHandler({ use: live }, () => new Response())(new Request('http://a.example/', { signal: caller.signal })),
    ].map((call) => reasonOf(call));
    await settled();
    caller.abort(new Error('left'));
    expect(await Promise.all(calls)).toEqual([new Error('left'), new Error('left'), new Error('left')]);
    live.close();
  });

  test('cancels the stream of a request that is not sent', async () => {
    const live = policy(manualSource());
    const caller = new AbortController();
    const cancelled = deferred<unknown>();
    const body = new ReadableStream({ cancel: cancelled.resolve });
    const call = createFetch({ use: live })('http://a.example/', {
      method: 'POST',
      body,
      duplex: 'half',
      signal: caller.signal,
    } as RequestInit);
    const reason = new Error('left');
    caller.abort(reason);
    expect(await reasonOf(call)).toBe(reason);
    expect(await cancelled.promise).toBe(reason);
    live.close();
  });

  test('sends the bytes that the body had when the call was made', async () => {
    await using server = await origin(({ response }) => response.end());
    const source = manualSource();
    const fetch = createFetch({ use: policy(source) });
    const body = new TextEncoder().encode('before');
    const call = fetch(server.url, { method: 'POST', body });
    body.fill(120);
    await settled();
    source.document('{ "use": [] }');
    await call;
    expect(String(await server.exchanges[0]!.body)).toBe('before');
  });

  test('goes on through the stack that is there once the wait is over', async () => {
    await using server = await origin(failing);
    const live = policy(manualSource(), { wait: 20, initial: { use: [{ retry: { retries: 1, backoff: fast } }] } });
    await (await createFetch({ use: live })(server.url)).text();
    expect(server.exchanges).toHaveLength(2);
    live.close();
  });
});
