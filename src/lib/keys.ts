/** What counts as the same thing: the key functions that policies share. */
import { bodySource } from '../core/engine/body-source.ts';
import { requestLikeOf, type Context } from '../core/context.ts';
import { isUntouched } from '../core/engine/lazy-request.ts';

/** Calls with the same key share state; `undefined` leaves a call out. */
export type Key = (ctx: Context) => string | undefined;

/** `https://api.example.com` */
export function byOrigin(ctx: Context): string {
  return originOf(ctx.url);
}

/** Routes are few and calls are many; the oldest answer goes when there are more. */
const remembered = 1_000;
const routes = new Map<string, string>();
/** Several policies ask about one call, one after another. */
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
  if (routes.size >= remembered) routes.delete(routes.keys().next().value!);
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

/** Numbers; UUIDs; hashes and ObjectIds; and long tokens with a digit in them, such as ULIDs. */
const id = /^(\d+|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|[\da-f]{16,}|(?=.*\d)[\w-]{20,})$/i;

function collapse(segment: string): string {
  return id.test(segment) ? ':id' : segment;
}

/** Of a call, and not of what it asks for or who asks: W3C Trace Context and Baggage, and customary names of a request's id. */
const perCallHeaders: ReadonlySet<string> = new Set([
  'traceparent',
  'tracestate',
  'baggage',
  'x-request-id',
  'x-correlation-id',
  'idempotency-key',
]);

/**
 * The same answer will do: same method, URL, headers but for those of tracing (identity hides in `x-api-key` as well as
 * in `authorization`), modes and integrity, for GET and HEAD; with a `requestId` for other methods, too, as long as
 * there is no body to compare or it is the same text.
 */
export function byRequest(ctx: Context): string | undefined {
  const { requestId } = ctx.options;
  if (requestId === undefined && isUntouched(requestLikeOf(ctx))) return ctx.url;
  const { request, init } = ctx;
  const { method, url, headers, redirect, credentials, cache, mode, integrity } = request;
  const reads = method === 'GET' || method === 'HEAD';
  const body = reads || request.body === null ? null : bodySource(request);
  if (!(reads || requestId !== undefined) || (body !== null && typeof body !== 'string')) return undefined;
  const extras = Object.entries(init);
  // A dispatcher, say: nobody can compare it.
  if (extras.some(([, value]) => typeof value === 'object' || typeof value === 'function')) return undefined;
  const identity = [...headers].filter(([name]) => !perCallHeaders.has(name));
  const isBare = identity.length + extras.length === 0 && requestId === undefined && body === null && integrity === '';
  // Most are, and their URL is a key as it stands: no other begins like one, and the longer the key, the more it costs.
  const isUsual = method === 'GET' && redirect === 'follow' && credentials === 'same-origin' && cache === 'default';
  if (isBare && isUsual && mode === 'cors') return url;
  // JSON, because no value can pretend to be two; the others are single words, and the URL is what remains.
  const particular = isBare ? '' : JSON.stringify([requestId, body, integrity, identity, extras]);
  return `${method} ${redirect} ${credentials} ${cache} ${mode} ${particular} ${url}`;
}
