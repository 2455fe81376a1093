/** Key functions, which policies share. */
import type { Context } from '../core/context.ts';

/** Calls with the same key share state. The policy does not act on a call whose key is `undefined`, or uses no state. */
export type Key = (ctx: Context) => string | undefined;

/** `https://api.example.com` */
export function byOrigin(ctx: Context): string {
  return originOf(ctx.url);
}

/** The routes of the last 1,000 method and URL pairs are remembered: an app calls few routes many times. */
const maxRoutes = 1_000;
const routes = new Map<string, string>();
/** The route of the latest call: several policies need it one after another. */
let latest = { method: '', url: '', route: '' };

/**
 * Method, origin and path, without query, and with every segment that looks like an id replaced by `:id`:
 * `GET https://api.example.com/users/:id/orders`.
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

  const origin = originOf(address);
  const route = `${method} ${origin}${address.slice(origin.length).split('/').map(collapse).join('/')}`;
  if (routes.size >= maxRoutes) routes.delete(routes.keys().next().value!);
  routes.set(request, route);
  return route;
}

function before(url: string, mark: string): string {
  const at = url.indexOf(mark);
  return at < 0 ? url : url.slice(0, at);
}

function originOf(url: string): string {
  const slash = url.indexOf('/', url.indexOf('//') + 2);
  return slash < 0 ? url : url.slice(0, slash);
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
 * Two calls have the same key if one response serves both: same method, URL, modes, integrity, and headers except those
 * of tracing. All other headers count, because `x-api-key` may identify a user as well as `authorization` does. A call
 * has a key if its method is GET or HEAD, or if it has a `requestId` and its body is empty or text.
 */
export function byRequest(ctx: Context): string | undefined {
  const { method, url } = ctx;
  const { requestId } = ctx.options;
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead && requestId === undefined) return undefined;
  const body = isRead ? null : ctx.body;
  if (body !== null && typeof body !== 'string') return undefined;
  const members = Object.entries(ctx.init);
  // An object such as a dispatcher cannot be compared.
  if (members.some(([, value]) => typeof value === 'object' || typeof value === 'function')) return undefined;
  const identity = [...ctx.headers].filter(([name]) => !perCallHeaders.has(name));
  // The key of most calls is their URL alone, since a long key costs more. No other key begins like a URL.
  if (method === 'GET' && requestId === undefined && members.length + identity.length === 0) return url;
  // JSON, so that no value can look like two values.
  return JSON.stringify([method, url, requestId, body, members, identity]);
}
