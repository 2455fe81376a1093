/**
 * Which responses may be stored, and for how long beyond their freshness they may replace a failure: RFC 9111 (HTTP
 * caching) and RFC 5861 §4 (stale-if-error).
 */
import { identifiedHeaders } from '../../lib/identity.ts';
import type { Context } from '../../core/context.ts';
import { foreignOptions, isComparable, otherModes } from '../../lib/keys.ts';

type Directives = ReadonlyMap<string, string>;

/** `max-age=60, private` as a map. A value may be quoted (RFC 9111 §5.2). */
export function directivesOf(headers: Headers): Directives {
  const found = (headers.get('cache-control') ?? '').matchAll(/([^\s,=]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,]*)))?/g);
  return new Map(Array.from(found, ([, name = '', quoted, bare]) => [name.toLowerCase(), quoted ?? bare ?? '']));
}

/** Headers that identify the call and not the caller, and headers of caching. The response does not depend on them. */
const perCallHeaders =
  /^(traceparent|tracestate|baggage|b3|x-b3-.*|x-request-id|x-correlation-id|idempotency-key|cache-control|pragma|if-(none-match|modified-since|match|unmodified-since))$/;

/**
 * The URL, `credentials`, `redirect`, all other headers (those that `Vary` may name, and those that identify a user), and
 * the options that are not kyoa's own. `undefined` if one of these cannot be compared. `dedupe` compares more (modes,
 * integrity, the headers of caching, the `requestId`), because it shares one request.
 */
export function cacheKey(ctx: Context): string | undefined {
  const options = foreignOptions(ctx).filter(([name]) => !otherModes.test(name));
  if (!options.every(isComparable)) return undefined;
  const headers = identifiedHeaders(ctx).filter(([name]) => !perCallHeaders.test(name));
  return JSON.stringify([ctx.url.replace(/#.*/s, ''), options, headers]);
}

/** Whether a response to the request may be stored: only to a GET without a range. */
export function mayStore({ method, headers, init }: Context): boolean {
  if (method !== 'GET' || headers.has('range') || init['cache'] === 'no-store') return false;
  return !directivesOf(headers).has('no-store');
}

/** How long a response with status 200 may be stored, ms: while it is fresh, and while it may replace a failure. 0: not at all. */
export function staleTtl(response: Response, ctx: Context, ttl: number): number {
  const { headers } = response;
  const directives = directivesOf(headers);
  const has = (name: string): boolean => directives.has(name);
  if (has('no-store') || has('no-cache') || has('must-revalidate')) return 0;
  if (ctx.side === 'server') {
    // A shared cache (RFC 9111 §3.5). A cookie belongs to one user (§7.3).
    if (has('private') || has('proxy-revalidate') || has('s-maxage') || headers.has('set-cookie')) return 0;
    if (ctx.header('authorization') !== null && !has('public')) return 0;
  }
  if (variesByUnknown(ctx, headers)) return 0;
  const stale = seconds(directives.get('stale-if-error'));
  return stale === undefined ? ttl : Math.max(0, Math.min(ttl, (freshness(headers) + stale) * 1_000));
}

/** For how many seconds the request accepts a stale response: its own `stale-if-error`, or 0 if it demands a new response. */
export function staleness({ headers, init }: Context): number {
  const directives = directivesOf(headers);
  if (directives.has('no-cache') || init['cache'] === 'reload' || init['cache'] === 'no-cache') return 0;
  return seconds(directives.get('stale-if-error')) ?? Infinity;
}

/** How much longer a response is fresh, seconds; below 0, how long it has been stale. RFC 9111 §4.2, without heuristics. */
export function freshness(headers: Headers): number {
  const expires = Date.parse(headers.get('expires') ?? '') - Date.parse(headers.get('date') ?? '');
  const lifetime = seconds(directivesOf(headers).get('max-age')) ?? Math.max(0, expires / 1_000 || 0);
  return lifetime - ageOf(headers);
}

/** The age that a cache on the way reported, seconds. */
export function ageOf(headers: Headers): number {
  return seconds(headers.get('age') ?? undefined) ?? 0;
}

/** Whether `Vary` names a header that is not in the key: one of `perCallHeaders`, or the cookie that a browser adds. */
function variesByUnknown(ctx: Context, headers: Headers): boolean {
  const names = (headers.get('vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.some(
    (name) => name === '*' || perCallHeaders.test(name) || (name === 'cookie' && ctx.header('cookie') === null),
  );
}

function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
