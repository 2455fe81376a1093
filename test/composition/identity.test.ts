/** A response that several callers get belongs to one identity, wherever the middleware that adds it is placed. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { opentelemetry } from '../../adapters/telemetry/opentelemetry.ts';
import { prometheus } from '../../adapters/telemetry/prometheus.ts';
import kyoa, {
  auth,
  breaker,
  byRequest,
  compose,
  createFetch,
  createHandler,
  chaos,
  deadline,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  latest,
  limit,
  log,
  maxBody,
  memory,
  metrics,
  observe,
  race,
  resume,
  retry,
  sign,
  staleIfError,
  standard,
  timeout,
  trace,
  type CallOptions,
  type Fetch,
  type FetchOptions,
  type KyoaEvent,
  type Middleware,
} from '../../src/index.ts';
import { url } from '../support/http.ts';
import { settled, until } from '../support/origin.ts';
import { bearer } from '../../docs/examples/bearer.ts';

type Options = Parameters<typeof kyoa.get>[1];

/** README's own middleware. */
const tenant: Middleware = (ctx, next) =>
  next({ headers: { 'x-tenant': (ctx.options['tenant'] as string | undefined) ?? 'none' } });

const user = new AsyncLocalStorage<string>();
/** Its name is that of a policy, which does not make it one. */
const token: Middleware = async function retry(_ctx, next) {
  return next({ headers: { authorization: `Bearer ${user.getStore()}` } });
};
const session: Middleware = function session(ctx, next) {
  ctx.request.headers.set('cookie', `sid=${user.getStore()}`);
  return next();
};

const as = (option: string): Options => ({ tenant: option }) as Options;

/** Responds with whom the request is from, and fails on demand. */
function service() {
  const state = { sent: 0, failing: false };
  const transport: Fetch = async (input, init = {}) => {
    state.sent += 1;
    await settled();
    if (state.failing) return new Response('down', { status: 503 });
    const { headers } = new Request(input, init);
    const { dispatcher, agent, cf } = init as Record<string, { readonly name: string } | undefined>;
    const names = [headers.get('x-tenant'), headers.get('authorization'), headers.get('cookie'), dispatcher?.name];
    return new Response([...names, agent?.name, cf?.name].filter((name) => name != null).join(' '));
  };
  return { state, transport };
}

const events: KyoaEvent[] = [];
const watch = observe((event) => events.push(event));
const skipped = (): unknown[] =>
  events.filter(({ type }) => type.endsWith('.skipped')).map((event) => ({ ...event, id: 0, time: 0 }));
const skip = (type: string, reason: string): object => ({ type, reason, id: 0, time: 0 });
afterEach(() => {
  events.length = 0;
});

const texts = (responses: Iterable<PromiseLike<Response>>): Promise<string[]> =>
  Promise.all(Array.from(responses, async (response) => (await response).text()));

describe('dedupe', () => {
  test('shares no request of two tenants whose middleware `extend` has placed inside it', async () => {
    const { transport, state } = service();
    const api = kyoa.create({ fetch: transport, use: [watch, ...standard()] }).extend({ use: [tenant] });
    expect(await texts(['acme', 'globex', 'acme'].map((name) => api.get(url, as(name))))).toEqual([
      'acme',
      'globex',
      'acme',
    ]);
    expect(state.sent).toBe(3);
    expect(skipped()).toEqual(Array(3).fill(skip('dedupe.skipped', 'middleware')));
  });

  test('shares the requests of one tenant whose middleware is placed outside it', async () => {
    const { transport, state } = service();
    const api = kyoa
      .create({ fetch: transport, use: [watch, ...standard()] })
      .extend({ use: (stack) => [tenant, ...stack] });
    expect(await texts(['acme', 'globex', 'acme'].map((name) => api.get(url, as(name))))).toEqual([
      'acme',
      'globex',
      'acme',
    ]);
    expect(state.sent).toBe(2);
    expect(skipped()).toEqual([]);
  });

  test.each<[string, Middleware]>([
    ['the token of the async context, by a function with the name of a policy', token],
    ['a cookie on ctx.request', session],
    [
      'the token of the async context, around a policy of kyoa',
      (ctx, next) => trace()(ctx, (fork) => token(ctx, (more) => next({ ...fork, ...more }))),
    ],
  ])('shares no request of two users if a middleware inside adds %s', async (_what, inner) => {
    const { transport } = service();
    const fetch = createFetch({ use: [watch, dedupe(), retry(), inner], fetch: transport });
    const replies = await texts(['alice', 'bob'].map((name) => user.run(name, () => fetch(url))));
    expect(replies).toEqual([expect.stringContaining('alice'), expect.stringContaining('bob')]);
    expect(skipped()).toHaveLength(2);
  });

  test('shares no request if it is called by a middleware, which may have composed another inside it', async () => {
    const { transport } = service();
    const shared = dedupe();
    const inner = compose([shared, token], async (ctx) => transport(ctx.request, {}));
    const fetch = createFetch({ use: [(ctx) => inner(ctx)] });
    const handle = createHandler({}, (_request, ctx) => inner(ctx));
    for (const call of [() => fetch(url), () => handle(new Request(url))])
      expect(await texts(['alice', 'bob'].map((name) => user.run(name, call)))).toEqual(['Bearer alice', 'Bearer bob']);
  });

  test('shares no request of a call that a bearer passes through, with or without the token', async () => {
    const { transport } = service();
    const inner = bearer({ renew: async () => 'a' });
    for (const use of [
      [inner, ...standard()],
      [...standard(), inner],
    ]) {
      const fetch = createFetch({ use, fetch: transport });
      expect(await texts([fetch(url), fetch(url, { bearer: false } as RequestInit)])).toEqual(['Bearer a', '']);
    }
  });

  test.each(['dispatcher', 'agent'])(
    'shares no request of calls with a %s, which cannot be compared',
    async (member) => {
      const { transport } = service();
      const fetch = createFetch({ use: [watch, dedupe()], fetch: transport });
      class Agent {
        readonly name: string;
        constructor(name: string) {
          this.name = name;
        }
      }
      const init = (name: string): RequestInit => ({ [member]: new Agent(name) });
      expect(await texts(['one', 'two'].map((name) => fetch(url, init(name))))).toEqual(['one', 'two']);
      expect(skipped()).toEqual(Array(2).fill(skip('dedupe.skipped', 'option')));
    },
  );

  test('shares the request of calls whose plain options for the transport are equal', async () => {
    const { transport, state } = service();
    const fetch = createFetch({ use: [watch, dedupe()], fetch: transport });
    const init = (name: string): RequestInit => ({ cf: { name, tags: [1, true, null] } }) as RequestInit;
    expect(await texts(['one', 'two', 'one'].map((name) => fetch(url, init(name))))).toEqual(['one', 'two', 'one']);
    expect(state.sent).toBe(2);
    expect(skipped()).toEqual([]);
  });

  test.each<NonNullable<FetchOptions['overrides']>>([false, 'kyoa'])(
    'shares no request of calls with another option for the transport that has the name of a policy, with overrides: %s',
    async (overrides) => {
      const transport: Fetch = async (_input, init = {}) => {
        await settled();
        return new Response(String((init as { trace?: string }).trace));
      };
      const fetch = createFetch({ use: [dedupe()], fetch: transport, overrides });
      const call = (trace: string): Promise<Response> => fetch(url, { trace } as RequestInit);
      expect(await texts([call('acme'), call('globex')])).toEqual(['acme', 'globex']);
    },
  );

  test.each<[string, HeadersInit, BodyInit | null]>([
    ['Set-Cookie', { 'set-cookie': 'sid=' }, 'page'],
    ['Set-Cookie and no body', { 'set-cookie': 'sid=' }, null],
    ['private', { 'cache-control': 'max-age=1, Private' }, 'page'],
    ['no-store', { 'cache-control': 'no-store' }, 'page'],
  ])('gives each visitor of a handler a response of its own that has %s', async (_what, headers, body) => {
    let visits = 0;
    const handle = createHandler({ use: [dedupe()] }, async () => {
      visits += 1;
      const own = new Headers(headers);
      own.set('x-visit', String(visits));
      await settled();
      return new Response(body, { headers: own });
    });
    const responses = await Promise.all([1, 2, 3].map(() => handle(new Request(url))));
    expect(responses.map((response) => response.headers.get('x-visit'))).toEqual(['1', '2', '3']);
  });

  test('shares no request of calls whose options of another middleware differ, wherever their identity is added', async () => {
    const { state } = service();
    const outer: Middleware = function tenant(_ctx, next) {
      return next();
    };
    const fetch = createFetch({
      use: [outer, dedupe(), fallback((_outcome, ctx) => new Response(String(ctx.options['tenant'])))],
      fetch: async () => {
        state.sent += 1;
        await settled();
        throw new TypeError('down');
      },
    });
    const call = (name: unknown): Promise<Response> => fetch(url, { tenant: name } as RequestInit);
    expect(await texts([call('acme'), call('globex'), call('acme')])).toEqual(['acme', 'globex', 'acme']);
    expect(state.sent).toBe(2);
    await texts([call({ toString: () => 'x' }), call({ toString: () => 'x' })]);
    expect(state.sent).toBe(4);
  });

  test('shares requests by a given key, also with such a middleware inside', async () => {
    for (const key of [byRequest, () => 'one']) {
      const { transport, state } = service();
      const fetch = createFetch({ use: [watch, dedupe({ key }), tenant], fetch: transport });
      expect(await texts([fetch(url), fetch(url)])).toEqual(['none', 'none']);
      const call = createFetch({ use: [dedupe(), tenant], fetch: transport });
      expect(await texts([call(url, { dedupe: { key } }), call(url, { dedupe: { key } })])).toEqual(['none', 'none']);
      expect([state.sent, skipped()]).toEqual([2, []]);
    }
  });

  test('shares no request of a call without a given key with a call whose given key looks like the default one', async () => {
    const { transport } = service();
    const fetch = createFetch({ use: [dedupe()], fetch: transport });
    const own: CallOptions = { dedupe: { key: (ctx) => ctx.url } };
    const alice = { headers: { authorization: 'alice' }, ...own };
    expect(await texts([fetch(url, alice), fetch(url), fetch(url, own)])).toEqual(['alice', '', 'alice']);
  });

  test('emits nothing for a call that it would not share anyway', async () => {
    const { transport } = service();
    const fetch = createFetch({ use: [watch, dedupe(), tenant], fetch: transport });
    await texts([fetch(url, { method: 'POST' }), fetch(url, { dedupe: false })]);
    expect(skipped()).toEqual([]);
  });
});

describe('staleIfError', () => {
  /** Calls as each identity, then fails for each: the text is the stored one, or `down`. */
  const afterFailure = async (
    use: readonly Middleware[],
    calls: readonly ((fetch: Fetch) => Promise<Response>)[],
    isStored = false,
  ): Promise<string[]> => {
    const { transport, state } = service();
    const storage = memory();
    const written = vi.spyOn(storage, 'set');
    const fetch = createFetch({ use: [watch, ...use], storage, fetch: transport });
    await texts([calls[0]!(fetch)]);
    if (isStored) await until(() => written.mock.calls.length > 0);
    state.failing = true;
    return texts(calls.map((call) => call(fetch)));
  };
  const tenants = ['acme', 'globex'].map((name) => (fetch: Fetch) => fetch(url, as(name) as RequestInit));

  test('gives no tenant the stored response of another, whose middleware is placed inside it', async () => {
    expect(await afterFailure([staleIfError(), tenant], tenants)).toEqual(['down', 'down']);
    expect(skipped()).toEqual(Array(3).fill(skip('stale-if-error.skipped', 'middleware')));
  });

  test('gives a tenant its own stored response if the middleware is placed outside it', async () => {
    expect(await afterFailure([tenant, staleIfError()], tenants, true)).toEqual(['acme', 'down']);
    expect(skipped()).toEqual([]);
  });

  test('gives no call the stored response to a call with another token of the async context', async () => {
    const users = ['alice', 'bob'].map((name) => (fetch: Fetch) => user.run(name, () => fetch(url)));
    expect(await afterFailure([staleIfError(), token], users)).toEqual(['down', 'down']);
  });

  test('gives no call the stored response to a call with another dispatcher, nor with the same', async () => {
    const agent = new (class Agent {
      readonly name = 'one';
    })();
    const calls = [agent, new Proxy(agent, {})].map(
      (dispatcher) => (fetch: Fetch) => fetch(url, { dispatcher } as RequestInit),
    );
    expect(await afterFailure([staleIfError()], calls)).toEqual(['down', 'down']);
    expect(skipped()).toEqual(Array(3).fill(skip('stale-if-error.skipped', 'option')));
  });

  test('gives no call of the client the stored response to a call with another `fetch`', async () => {
    const storage = memory();
    const api = kyoa.create({ use: [watch, staleIfError()], storage });
    await api.get(url, { fetch: async () => new Response('acme') }).text();
    for (let n = 0; n < 3; n += 1) await settled();
    const failing: Fetch = async () => new Response('down', { status: 503 });
    expect(await api.get(url, { fetch: failing, throwHttpErrors: false }).text()).toBe('down');
    expect(skipped()).toEqual(Array(2).fill(skip('stale-if-error.skipped', 'option')));
  });

  test('gives a call the stored response to a call with equal plain options alone', async () => {
    const calls = ['one', 'two'].map((name) => (fetch: Fetch) => fetch(url, { cf: { name } } as RequestInit));
    expect(await afterFailure([staleIfError()], calls, true)).toEqual(['one', 'down']);
  });

  test('gives calls the stored response of a given key, also with such a middleware inside', async () => {
    expect(await afterFailure([staleIfError({ key: byRequest }), token], [(fetch) => fetch(url)], true)).toEqual([
      'Bearer undefined',
    ]);
    expect(skipped()).toEqual([]);
  });

  test('emits nothing for a call that it would not store anyway', async () => {
    await afterFailure([staleIfError(), token], [(fetch) => fetch(url, { method: 'POST' })]);
    expect(skipped()).toEqual([]);
  });
});

describe('each policy of kyoa', () => {
  const own: Readonly<Record<string, () => readonly Middleware[]>> = {
    breaker: () => [breaker()],
    chaos: () => [chaos({ enabled: true, rate: 1, latency: 1 })],
    deadline: () => [deadline()],
    dedupe: () => [dedupe()],
    endpoints: () => [endpoints([{ url }])],
    fallback: () => [fallback(() => 'instead')],
    hedge: () => [hedge()],
    idempotency: () => [idempotency()],
    latest: () => [latest({ key: () => undefined })],
    limit: () => [limit({ concurrency: 9 })],
    log: () => [log({ write: () => {} })],
    'max-body': () => [maxBody(1_000)],
    metrics: () => [metrics()],
    observe: () => [observe(() => {})],
    opentelemetry: () => {
      const both = opentelemetry();
      return [both, both.attempt];
    },
    prometheus: () => [prometheus()],
    race: () => [race([url])],
    resume: () => [resume()],
    sign: () => [sign(() => ({ 'x-signature': 'yes' }))],
    retry: () => [retry()],
    'stale-if-error': () => [staleIfError()],
    timeout: () => [timeout({ total: 9_000, headers: 9_000, idle: 9_000 })],
    trace: () => [trace()],
  };

  test.each(Object.entries(own))('may be placed inside dedupe and staleIfError: %s', async (_name, use) => {
    const { transport, state } = service();
    const fetch = createFetch({ use: [watch, staleIfError(), dedupe(), ...use()], fetch: transport });
    await texts([fetch(url), fetch(url)]);
    expect([state.sent, skipped()]).toEqual([1, []]);
  });

  test('is among them', async () => {
    const { readdirSync } = await import('node:fs');
    const files = ['src/middleware', 'adapters/telemetry'].flatMap((folder) => readdirSync(folder));
    const names = files.map((file) => file.replace('.ts', '')).filter((name) => name !== 'auth' && name !== 'shed');
    expect(Object.keys(own).toSorted()).toEqual(names.toSorted());
  });

  test('adds no identity inside them, except auth: they pass its calls through', async () => {
    const { transport, state } = service();
    const session = auth({ renew: async () => ({ access: 'token' }), storage: memory() });
    const fetch = createFetch({ use: [watch, staleIfError(), dedupe(), session], fetch: transport });
    await texts([fetch(url), fetch(url)]);
    expect(state.sent).toBe(2);
    expect(skipped()).toContainEqual(skip('dedupe.skipped', 'middleware'));
  });
});

test('a policy of another copy of the package counts as foreign', async () => {
  const { transport, state } = service();
  vi.resetModules();
  const copy = await import('../../src/index.ts');
  expect(copy.retry).not.toBe(retry);
  const fetch = createFetch({ use: [watch, dedupe(), copy.retry()], fetch: transport });
  await texts([fetch(url), fetch(url)]);
  expect([state.sent, skipped()]).toEqual([2, Array(2).fill(skip('dedupe.skipped', 'middleware'))]);
});

test('the inner middleware of a stack decides for that stack alone', async () => {
  const { transport, state } = service();
  const base = createFetch({ use: [dedupe()], fetch: transport });
  const inner = base.extend({ use: [tenant] });
  expect(await texts([base(url), inner(url), base(url), inner(url)])).toEqual(['', 'none', '', 'none']);
  expect(state.sent).toBe(3);
});
