/** An option that is `undefined` is an option that is left out: in each policy, entry point and adapter, and in each type. */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { opentelemetry } from 'kyoa/opentelemetry';
import { schemas, type OptionSchema } from 'kyoa/policy';
import { prometheus } from 'kyoa/prometheus';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { file } from '../adapters/storage/file.ts';
import { redis } from '../adapters/storage/redis.ts';
import { parseOptions } from '../adapters/transport/undici/options.ts';
import { callOptionNames } from '../src/call-options.ts';
import type { PolicyOptions } from '../src/core/options.ts';
import kyoa, {
  adaptive,
  aimd,
  budget,
  createFetch,
  createHandler,
  memory,
  standard,
  type CallOptions,
} from '../src/index.ts';
import { script, storageContract } from '../src/testing.ts';
import { silent, stub } from './support/call.ts';
import { url } from './support/http.ts';
import { root } from './support/lanes.ts';

type Options = Record<string, unknown>;

const paths = globSync('src/middleware/**/*.ts', { cwd: root });
const factories = (await import('../src/index.ts')) as Record<string, unknown>;
const modules = await Promise.all(paths.map((path) => import(/* @vite-ignore */ join(root, path)) as Promise<object>));

/** By the names of the policies: `retryOptions` of `retry.ts` and so on. */
const policies = modules
  .flatMap((module) => Object.entries(module))
  .filter(([name, value]) => name.endsWith('Options') && value !== null && typeof value === 'object')
  .map(([name, value]) => [name.replace('Options', ''), value as PolicyOptions<Options>] as const);

const required: Record<string, Options> = {
  auth: { renew: () => {} },
  chaos: { status: 503 },
  latest: { key: () => 'key' },
  limit: { concurrency: 10 },
  maxBody: { bytes: 1_000 },
};

/** What a policy is given before its options. */
const first: Record<string, unknown> = {
  endpoints: [{ url: 'http://a.example' }],
  fallback: () => new Response(),
  race: ['http://a.example'],
};

const nothing = (names: Iterable<string>): Options =>
  Object.fromEntries(Array.from(names, (name) => [name, undefined]));

/** Settings to compare. A check may wrap a function, which keeps its name. */
const shown = (settings: Options | undefined): string =>
  JSON.stringify(settings, (_, value: unknown) => (typeof value === 'function' ? `function ${value.name}` : value));

/** A valid value that is not the default. */
function another({ kind, default: value }: OptionSchema): unknown {
  if (kind === 'boolean') return value !== true;
  if (kind === 'ratio') return 0.123;
  return ['duration', 'delay', 'count'].includes(kind) ? 123 : undefined;
}

describe('a policy', () => {
  test('is one of all that have options', () => {
    const { adaptive: _, aimd: __, budget: ___, ...those } = schemas;
    const withOptions = Object.entries(those).filter(([, { options }]) => Object.keys(options).length > 0);
    expect(policies.map(([name]) => name).toSorted()).toEqual(withOptions.map(([name]) => name).toSorted());
  });

  test.each(policies)('%s takes the default of each option that is undefined', (name, options) => {
    const own = required[name] ?? {};
    const given = { ...nothing(Object.keys(options.shape)), ...own };
    expect(shown(options.parse(given))).toBe(shown(options.parse(own)));
    const factory = factories[name] as (...given: unknown[]) => unknown;
    expect(() => factory(...(name in first ? [first[name], given] : [given]))).not.toThrow();
  });

  test.each(policies)('%s keeps its own value of each option that a call leaves undefined', (name, options) => {
    const others = Object.entries(schemas[name as 'retry'].options).map(([option, schema]) => [
      option,
      another(schema),
    ]);
    const own = options.parse({ ...Object.fromEntries(others), ...required[name] });
    const call = nothing(options.perCall ?? Object.keys(options.shape));
    expect(shown(options.forCall({ options: { [name]: call } }, own))).toBe(shown(own));
    expect(options.forCall({ options: { [name]: undefined } }, own)).toBe(own);
  });

  test.each(Object.entries({ adaptive, aimd, budget }))('takes what %s makes of undefined options', (name, factory) => {
    expect(() => factory(nothing(Object.keys(schemas[name as 'aimd'].options)))).not.toThrow();
  });
});

describe('an entry point', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const members: Record<string, readonly string[]> = {
    timeout: ['total', 'headers', 'idle', 'isProgress'],
    dedupe: ['key'],
    idempotency: Object.keys(schemas.idempotency.options),
    retry: Object.keys(schemas.retry.options),
    breaker: Object.keys(schemas.breaker.options),
  };

  test.each([
    ['standard', nothing(Object.keys(members))],
    [
      'the options of its policies',
      Object.fromEntries(Object.entries(members).map(([name, all]) => [name, nothing(all)])),
    ],
  ])('keeps the defaults of the stack where %s are undefined', async (_, options) => {
    const use = standard(options);
    expect(use.map(({ name }) => name)).toEqual(standard().map(({ name }) => name));
    const types = ['text/plain', 'text/event-stream'];
    const { fetch, sent } = stub(
      use,
      (attempt) => new Response(new ReadableStream(), { headers: { 'content-type': types[attempt - 1]! } }),
    );
    const ends = ['total', 'idle'].map(async (phase) => {
      const response = await fetch(url, { method: 'POST' });
      await expect(response.text()).rejects.toMatchObject({ phase, limit: 30_000 });
    });
    await vi.advanceTimersByTimeAsync(30_000);
    await Promise.all(ends);
    expect(sent.map(({ headers }) => headers.has('idempotency-key'))).toEqual([false, false]);
  });

  test('keeps what it has where extend() is given undefined', async () => {
    const server = script({ json: 1 });
    const store = memory();
    const options = { fetch: server.fetch, storage: store, overrides: 'kyoa', background: () => {} };
    const fetch = createFetch({ ...nothing(['use']), ...options }).extend(nothing(['use', ...Object.keys(options)]));
    const seen: unknown[] = [];
    const noted = fetch.extend({ use: [(ctx, next) => (seen.push(ctx.storage, ctx.options['retry']), next())] });
    await noted(url, { kyoa: { retry: 7 } } as RequestInit);
    expect(server.calls).toHaveLength(1);
    expect(seen).toEqual([store, 7]);
  });

  test('accepts undefined for each of its own options, and for each override of a call', async () => {
    const call: CallOptions = nothing(callOptionNames);
    const server = script({ json: 1 });
    const fetch = createFetch({ ...nothing(['use', 'storage', 'background', 'overrides']), fetch: server.fetch });
    expect((await fetch(url, call)).status).toBe(200);
    const handle = createHandler(nothing(['use', 'storage', 'background']), () => new Response('handled'));
    expect(await (await handle.with(call)(new Request(url))).text()).toBe('handled');
    const own = nothing([
      ...callOptionNames,
      'use',
      'storage',
      'totalTimeout',
      'prefix',
      'baseUrl',
      'json',
      'searchParams',
    ]);
    const api = kyoa.create({ ...own, fetch: server.fetch });
    expect(
      await api
        .extend({ ...own, fetch: undefined })
        .get(url, own)
        .json(),
    ).toBe(1);
  });

  test('takes an undefined member of all overrides, and of an option that has another name here, as absent', async () => {
    const { fetch, calls } = script({ json: 1 });
    const init = { kyoa: undefined } as RequestInit;
    expect((await createFetch({ fetch, overrides: 'kyoa' })(url, init)).status).toBe(200);
    const others = nothing(['baseURL', 'params', 'retries']);
    const api = kyoa.create({ fetch, ...others, retry: { limit: 1 } });
    expect(await api.get(url, others).json()).toBe(1);
    expect(calls).toHaveLength(2);
    expect(() => kyoa.create({ params: null } as object)).toThrow('write searchParams');
  });

  test('keeps the overrides of the instance where a call leaves them undefined', async () => {
    const api = kyoa.create({ fetch: silent, timeout: 1_000, retry: 0, totalTimeout: undefined });
    const late = api.get(url, { timeout: undefined, retry: undefined }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toMatchObject({ limit: 1_000 });
  });

  test('keeps the members of an override that a later one leaves undefined', async () => {
    const api = kyoa
      .create({ fetch: silent, timeout: 1_000, retry: 0 })
      .extend({ timeout: nothing(members['timeout']!) });
    const server = script({ status: 503, times: 9 });
    const options = { retry: { limit: 1, backoff: () => 0 }, throwHttpErrors: false };
    const retried = kyoa.create({ fetch: server.fetch, ...options });
    const handle = createHandler({ use: standard() }, () => new Promise<Response>(() => {}));
    const late = [
      api.get(url, { timeout: { total: undefined, headers: undefined } }).catch((error: unknown) => error),
      handle
        .with({ timeout: 1_000 })
        .with({ timeout: undefined })(new Request(url))
        .catch((error: unknown) => error),
    ];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await Promise.all(late)).toMatchObject([{ limit: 1_000 }, { limit: 1_000 }]);
    for (const retry of [{ retries: undefined }, { limit: undefined } as object]) {
      const before = server.calls.length;
      const response = retried.get(url, { retry });
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await response).status).toBe(503);
      expect(server.calls.length - before).toBe(2);
    }
  });
});

describe('an adapter', () => {
  test('of a storage takes the default of each option that is undefined', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-undefined-'));
    const store = file(join(folder, 'a.db'), { durability: undefined });
    const version = await store.set('a', '1', { ttl: undefined, ifVersion: undefined });
    expect(await store.get('a')).toEqual({ value: '1', version });
    expect(await store.delete('a', { ifVersion: undefined })).toBe(true);
    await store.close();
    rmSync(folder, { recursive: true });
    const lasting = memory({ maxEntries: undefined });
    await lasting.set('a', '1', { ttl: undefined, ifVersion: undefined });
    expect(await lasting.delete('a', { ifVersion: undefined })).toBe(true);
    const keys: string[] = [];
    const client = {
      eval: async () => null,
      evalsha: async (_: string, __: number, key: string) => (keys.push(key), null),
    };
    await redis(client, { prefix: undefined, timeout: undefined }).get('a');
    expect(keys[0]).toBe('{kyoa:}a');
  });

  test('of a transport takes the default, and an origin the value of the transport', () => {
    const names = Object.keys(parseOptions({}).forOrigin('https://a.example'));
    const origin = 'https://a.example';
    const defaults = parseOptions({}).forOrigin(origin);
    const all = { ...nothing(names), ...nothing(['dns', 'origins', 'onPressure']) };
    expect(parseOptions(all).forOrigin(origin)).toEqual(defaults);
    const own = { connections: 7, headers: 123, http2: false, tls: { servername: 'b.example' } };
    const settings = parseOptions({ ...own, origins: { [origin]: nothing(names) } }).forOrigin(origin);
    expect(settings).toEqual({ ...defaults, ...own });
    const tls = { servername: 'b.example', ca: undefined, rejectUnauthorized: undefined };
    expect(Object.keys(parseOptions({ tls }).forOrigin(origin).tls)).toEqual(['servername']);
  });

  test('of telemetry, and the testing kit, take the default of each option that is undefined', async () => {
    expect(() => opentelemetry({ tracer: undefined, meter: undefined, redact: undefined })).not.toThrow();
    expect(() => prometheus({ registry: new Registry(), pools: undefined })).not.toThrow();
    const reply = nothing(['status', 'headers', 'json', 'text', 'chunks', 'gap', 'delay', 'fault', 'times']);
    expect((await script(reply).fetch(url)).status).toBe(200);
    expect(storageContract(() => memory(), { shared: undefined })).toHaveLength(storageContract(() => memory()).length);
  });
});

test('each optional member of a public type of options is `| undefined`', () => {
  const blocks = globSync('{src,adapters}/**/*.ts', { cwd: root }).flatMap((path) =>
    Array.from(
      readFileSync(join(root, path), 'utf8').matchAll(
        /^export interface \w*(Options|Override|Reply|Endpoint|Pools)\b[^]*?^}/gm,
      ),
      ([block]) => block,
    ),
  );
  const optional = blocks.flatMap((block) => block.match(/^ {2}(readonly )?\w+\?:.*$/gm) ?? []);
  expect(optional.length).toBeGreaterThan(120);
  expect(
    optional.filter(
      (line) =>
        !/(\| undefined|\?: unknown|(\['(timeout|retry|use)'\]( \| \{ readonly limit: number \})?));$/.test(line),
    ),
  ).toEqual([]);
});
