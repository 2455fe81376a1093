/**
 * What a cache may keep, and for how long beyond its freshness it may answer in place of a failure.
 * RFC 9111 (HTTP caching) and RFC 5861 §4 (stale-if-error).
 */
import type { Context } from '../../core/context.ts';

type Directives = ReadonlyMap<string, string>;

/** `max-age=60, private` as a map; a value may stand in quotes (RFC 9111 §5.2). */
export function directivesOf(headers: Headers): Directives {
  const found = (headers.get('cache-control') ?? '').matchAll(/([^\s,=]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,]*)))?/g);
  return new Map(Array.from(found, ([, name = '', quoted, bare]) => [name.toLowerCase(), quoted ?? bare ?? '']));
}

/** Headers that name the call and not the caller; the answer is the same without them. */
const perCallHeaders =
  /^(traceparent|tracestate|baggage|b3|x-b3-.*|x-request-id|x-correlation-id|idempotency-key|cache-control|pragma|if-(none-match|modified-since|match|unmodified-since))$/;

/**
 * The URL, and every other header: all that `Vary` may name and all that may tell one user from another. More than
 * `dedupe` looks at, because what is kept outlives the call; and without the `requestId`, which would never come again.
 */
export function cacheKey({ request }: Context): string {
  const { url, headers, credentials, redirect } = request;
  const relevant = [...headers].filter(([name]) => !perCallHeaders.test(name));
  return JSON.stringify([url.replace(/#.*/s, ''), credentials, redirect, ...relevant]);
}

/** A whole GET whose answer may be kept. */
export function mayKeepRequest({ method, headers, cache }: Request): boolean {
  if (method !== 'GET' || headers.has('range') || cache === 'no-store') return false;
  return !directivesOf(headers).has('no-store');
}

/** Of a 200: how long it has been fresh, and may be stale, when a failure is to be answered with it, ms; 0 for never. */
export function staleTtl(response: Response, { request, side }: Context, ttl: number): number {
  const { headers } = response;
  const directives = directivesOf(headers);
  const has = (name: string): boolean => directives.has(name);
  if (has('no-store') || has('no-cache') || has('must-revalidate')) return 0;
  if (side === 'server') {
    // A cache for many: RFC 9111 §3.5, and what somebody's cookie says is nobody else's (§7.3).
    if (has('private') || has('proxy-revalidate') || has('s-maxage') || headers.has('set-cookie')) return 0;
    if (request.headers.has('authorization') && !has('public')) return 0;
  }
  if (variesUnseen(request, headers)) return 0;
  const stale = seconds(directives.get('stale-if-error'));
  return stale === undefined ? ttl : Math.max(0, Math.min(ttl, (freshness(headers) + stale) * 1_000));
}

/** Seconds for which a request takes a stale answer: its own `stale-if-error`, 0 when it wants none that is not new. */
export function staleness({ headers, cache }: Request): number {
  const directives = directivesOf(headers);
  if (directives.has('no-cache') || cache === 'reload' || cache === 'no-cache') return 0;
  return seconds(directives.get('stale-if-error')) ?? Infinity;
}

/** How much longer it is fresh, seconds; below 0 it has been stale for so long. RFC 9111 §4.2, without heuristics. */
export function freshness(headers: Headers): number {
  const expires = Date.parse(headers.get('expires') ?? '') - Date.parse(headers.get('date') ?? '');
  const lifetime = seconds(directivesOf(headers).get('max-age')) ?? Math.max(0, expires / 1_000 || 0);
  return lifetime - ageOf(headers);
}

/** Since the origin made it, seconds, as a cache on the way says. */
export function ageOf(headers: Headers): number {
  return seconds(headers.get('age') ?? undefined) ?? 0;
}

/** By a header that is not in the key: one that passes, or the cookie that a browser adds beneath us. */
function variesUnseen(request: Request, headers: Headers): boolean {
  const names = (headers.get('vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.some(
    (name) => name === '*' || perCallHeaders.test(name) || (name === 'cookie' && !request.headers.has('cookie')),
  );
}

function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
