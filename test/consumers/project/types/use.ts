/** Code as users write it, with the types that it must have. hover.mjs also uses this file. */
import kyoa, {
  adaptive,
  byOrigin,
  createFetch,
  createHandler,
  exponential,
  hedge,
  KyoaError,
  memory,
  observe,
  retry,
  standard,
  timeout,
  type Context,
  type KyoaEvent,
  type KyoaFetch,
  type Middleware,
  type Storage,
} from 'kyoa';
import { events, type EventStream, type EventStreamChange } from 'kyoa/events';
import { file } from 'kyoa/file';
import { indexeddb } from 'kyoa/indexeddb';
import { redis } from 'kyoa/redis';
import { script, storageContract, virtualTime, type Reply } from 'kyoa/testing';

interface User {
  readonly name: string;
}

export const user: Promise<User> = kyoa.get('https://api.example.com/user').json<User>();

const tenant: Middleware = async function tenant(ctx: Context, next) {
  ctx.emit({ type: 'request.started', method: ctx.request.method, url: ctx.request.url });
  return next({ attempt: ctx.attempt + 1 });
};

export const api = kyoa.create({
  baseUrl: 'https://api.example.com/',
  storage: indexeddb('shop'),
  use: [
    observe((event: KyoaEvent) => console.log(event.type, event.id, event.time)),
    tenant,
    ...standard({ timeout: { total: 60_000, headers: adaptive({ max: 10_000 }) }, dedupe: false }),
    hedge({ ratio: 0.02, key: byOrigin }),
  ],
});
export const inner = api.extend({ use: (stack) => stack.slice(1) });
export const posted = api.post('orders', { json: { id: 1 }, requestId: 'order-1', retry: 2, hedge: false });

export const fetch: KyoaFetch = createFetch({
  use: [timeout(5_000), retry({ retries: 1, backoff: exponential(100, 1_000), when: (outcome) => 'error' in outcome })],
});
export const asThePlatforms: typeof globalThis.fetch = (input, init) => fetch(input, init);
export const handle: (request: Request) => Promise<Response> = createHandler({}, () => new Response());

export const stores: Storage[] = [memory(), file('kyoa.db', { durability: 'process' })];
export const overRedis: typeof redis = redis;

export function status(error: unknown): string | undefined {
  return error instanceof KyoaError && error.code === 'TIMEOUT' ? error.message : undefined;
}

/** Options that may be undefined, as they are in a project with exactOptionalPropertyTypes. */
export function configured(given: { limit?: number; store?: Storage; durable?: 'power'; base?: string }): void {
  const key = given.limit === undefined ? undefined : byOrigin;
  const use = standard({ timeout: given.limit, retry: { retries: given.limit, methods: undefined } });
  const own = kyoa.create({
    use: [...use, hedge({ ratio: given.limit, key })],
    storage: given.store,
    prefix: given.base,
  });
  void own.get('users', {
    retry: given.limit,
    timeout: { total: given.limit },
    hedge: { key },
    searchParams: undefined,
  });
  void createFetch({ use: undefined, storage: given.store, fetch: undefined }).extend({ storage: given.store });
  createHandler({ storage: given.store, background: undefined }, () => new Response());
  void file('kyoa.db', { durability: given.durable }).set('key', 'value', { ttl: given.limit, ifVersion: undefined });
}

const reply: Reply = { status: 503, fault: 'reset' };
export const server = script({ 'GET /users': [reply, { json: [] }], '*': () => new Response() });
export const time = virtualTime();
export const clauses: readonly { readonly name: string }[] = storageContract(() => memory());

/** The options are those of the calls of what is passed first. */
const listener = (change: EventStreamChange): void => console.log(change.type, change.lastEventId);
export const streams: readonly EventStream[] = [
  events(api, 'feed', { searchParams: { tag: 'a' }, headers: { accept: undefined }, from: '7', listener }),
  events(api, 'chat', { method: 'post', json: { prompt: 'Hello' }, resumable: true }),
  events(fetch, new URL('https://api.example.com/feed'), { retry: 1, dedupe: false, backoff: exponential(100, 1_000) }),
  events(globalThis.fetch, 'https://api.example.com/feed', { credentials: 'include', silence: 60_000 }),
  events(async (url: string | Request) => globalThis.fetch(url), 'https://api.example.com/feed', { signal: null }),
  events(new Response()),
];
