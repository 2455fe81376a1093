/** Creates a Request from another one. */
import { bodySource, copyBodySource, isRereadable, type Rereadable } from './body-source.ts';
import { isUntouched, toRequest, type RequestLike } from './lazy-request.ts';

/** Like `new Request(request, init)`, with the same body source. It follows no signal, because `ctx.signal` aborts the call. */
export function derive(request: Request, init?: RequestInit): Request {
  return copyBodySource(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with a new body of the same source. The body of the original stays unread. */
export function resent(request: Request, body: Rereadable, signal: AbortSignal | null): Request {
  const derived = derive(request, { headers: headersFor(body, request.headers), body, signal });
  // The platform adds the type of a body. A middleware or the caller may have removed it.
  if (!request.headers.has('content-type')) derived.headers.delete('content-type');
  return derived;
}

/**
 * The same request with other headers; `undefined` removes one. A body whose source can be read again stays with the
 * original, any other moves to the new Request.
 */
export function withHeaders(from: RequestLike, headers: Readonly<Record<string, string | undefined>>): Request {
  const source = isUntouched(from) ? undefined : bodySource(toRequest(from));
  const request = isUntouched(from)
    ? new Request(from.url)
    : isRereadable(source)
      ? resent(toRequest(from), source, null)
      : derive(toRequest(from));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) request.headers.delete(name);
    else request.headers.set(name, value);
  }
  return request;
}

/** The headers of a request that gets a new body. A new form body has a new boundary, which the platform must set. */
export function headersFor(body: BodyInit, from: HeadersInit | undefined): Headers {
  const headers = new Headers(from);
  if (body instanceof FormData) headers.delete('content-type');
  return headers;
}

/** Any init that is not empty resets both members to their defaults (Fetch Standard, Request constructor, step 12). */
export function referrerOf({ referrer, referrerPolicy }: Request): RequestInit {
  return {
    ...(referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}
