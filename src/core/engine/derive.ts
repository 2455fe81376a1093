/** Requests made of other ones. */
import { copyBodySource } from './body-source.ts';
import { isUntouched, toRequest, type RequestLike } from './lazy-request.ts';

/**
 * As `new Request(request, init)`, for an init without a body; the note goes along. Without the signal, which would
 * cost more than the rest: what aborts a call is `ctx.signal`.
 */
export function derive(request: Request, init?: RequestInit): Request {
  return copyBodySource(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with other headers: `undefined` removes one. */
export function withHeaders(from: RequestLike, headers: Readonly<Record<string, string | undefined>>): Request {
  const request = isUntouched(from) ? new Request(from.url) : derive(toRequest(from));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) request.headers.delete(name);
    else request.headers.set(name, value);
  }
  return request;
}

/** An init, whatever is in it, resets both to their defaults (Fetch Standard, Request constructor, step 12). */
export function referrerOf({ referrer, referrerPolicy }: Request): RequestInit {
  return {
    ...(referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}
