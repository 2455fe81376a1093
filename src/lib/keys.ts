/** Key functions, which policies share. */
import type { Context } from '../core/context.ts';
import { ownOptions } from '../core/options.ts';
import { identifiedHeaders } from './identity.ts';

/**
 * The type of the option `key`: from the context of a call to a string. Calls with the same key share state. The policy
 * does not act on a call whose key is `undefined`, or uses no state.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md#5-state-and-concurrent-calls
 */
export type Key = (ctx: Context) => string | undefined;

/**
 * The key of calls to the same origin, such as `https://api.example.com`.
 *
 * @example
 * ```ts
 * breaker({ key: byOrigin });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/breaker.md#options
 */
export function byOrigin({ url }: Pick<Context, 'url'>): string {
  const slash = url.indexOf('/', url.indexOf('//') + 2);
  return slash < 0 ? url : url.slice(0, slash);
}

/** The routes of the last 1,000 method and URL pairs are remembered: an app calls few routes many times. */
const maxRoutes = 1_000;
const routes = new Map<string, string>();
/** The route of the latest call: several policies need it one after another. */
let latest = { method: '', url: '', route: '' };

/**
 * The key of calls to the same route. Method, origin and path, without query, and with every segment that looks like an
 * id replaced by `:id`: `GET https://api.example.com/users/:id/orders`.
 *
 * @example
 * ```ts
 * metrics({ key: (ctx) => `${ctx.header('x-tenant')} ${byRoute(ctx)}` });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/adaptive.md
 */
export function byRoute(ctx: Context): string {
  const { method, url } = ctx;
  if (latest.url !== url || latest.method !== method) latest = { method, url, route: routeOf(method, url) };
  return latest.route;
}

function routeOf(method: string, url: string): string {
  const address = before(before(url, '#'), '?');
  const request = method === 'GET' ? address : `${method} ${address}`;
  const known = routes.get(request);
  if (known !== undefined) return known;

  const origin = byOrigin({ url: address });
  const route = `${method} ${origin}${address.slice(origin.length).split('/').map(collapse).join('/')}`;
  if (routes.size >= maxRoutes) routes.delete(routes.keys().next().value!);
  routes.set(request, route);
  return route;
}

function before(url: string, mark: string): string {
  const at = url.indexOf(mark);
  return at < 0 ? url : url.slice(0, at);
}

/** A number; a UUID; a hash or an ObjectId; a long token that contains a digit, such as a ULID. */
const id = /^(\d+|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|[\da-f]{16,}|(?=.*\d)[\w-]{20,})$/i;

function collapse(segment: string): string {
  return id.test(segment) ? ':id' : segment;
}

/** Headers that differ from call to call and do not change the response: W3C Trace Context, Baggage, ids of the request. */
const perCallHeaders: ReadonlySet<string> = new Set([
  'traceparent',
  'tracestate',
  'baggage',
  'x-request-id',
  'x-correlation-id',
  'idempotency-key',
]);

/**
 * The key of calls that one response serves. Two calls have the same key if one response serves both: same method, URL,
 * modes, integrity, headers except those of tracing, and options that are not kyoa's own. All other headers count,
 * because `x-api-key` may identify a user as well as `authorization` does. A call has a key if it is shareable and its
 * options can be compared.
 *
 * @example
 * ```ts
 * dedupe({ key: (ctx) => (ctx.header('x-preview') === null ? byRequest(ctx) : undefined) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/dedupe.md#options
 */
export function byRequest(ctx: Context): string | undefined {
  const { method, url } = ctx;
  const options = method === 'GET' || isShareable(ctx) ? foreignOptions(ctx) : undefined;
  if (options?.every(isComparable) !== true) return undefined;
  const { requestId } = ctx.options;
  const identity = identifiedHeaders(ctx, true).filter(([name]) => !perCallHeaders.has(name));
  // The key of most calls is their URL alone, since a long key costs more. No other key begins like a URL.
  if (method === 'GET' && requestId === undefined && options.length + identity.length === 0) return url;
  // JSON, so that no value can look like two values.
  return JSON.stringify([method, url, requestId, ctx.body, options, identity]);
}

/** Whether the method is GET or HEAD, or the call has a `requestId` and its body is empty or text. */
export function isShareable(ctx: Context): boolean {
  if (ctx.method === 'GET' || ctx.method === 'HEAD') return true;
  return ctx.options['requestId'] !== undefined && (ctx.body === null || typeof ctx.body === 'string');
}

type ForeignOption = readonly [name: string, value: unknown];

/** What a call passes to others than kyoa: the members of its init, and the options of a user's middleware. */
export function foreignOptions({ init, options }: Context): ForeignOption[] {
  // An option of the transport may have the name of a policy.
  const others = Object.entries(options).filter(([name]) => !(ownOptions as readonly string[]).includes(name));
  return [...Object.entries(init), ...others].filter(([, value]) => value !== undefined);
}

/**
 * Text, numbers, booleans, and lists and plain objects of them can be compared; a function or a dispatcher may stand for any
 * identity.
 */
export function isComparable([, value]: ForeignOption): boolean {
  return isPlain(value);
}

/** Members of the init of fetch that do not tell callers apart, and on which a stored response does not depend. */
export const otherModes: RegExp = /^(mode|cache|integrity|keepalive|referrer|referrerPolicy|priority|duplex|window)$/;

/** A value that is nested deeper is not compared: it may be circular. */
const maxDepth = 8;

/** Whether JSON has the whole value, and the same text for no other value. */
function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null)
    return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  const isList = Array.isArray(value);
  const names = Object.keys(value);
  return (
    depth < maxDepth &&
    [Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value)) &&
    Reflect.ownKeys(value).length === names.length + Number(isList) && // a list has a length
    (!isList || value.length === names.length) &&
    names.every((name, index) => (!isList || name === String(index)) && isPlain(value[name as never], depth + 1))
  );
}
