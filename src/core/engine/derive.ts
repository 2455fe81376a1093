/** Creates a Request from another one. */
import { copyBodySource } from './body-source.ts';
import { isUntouched, toRequest, type RequestLike } from './lazy-request.ts';

/**
 * Like `new Request(request, init)`, for an init without a body. The body source is copied. The signal is not: to follow
 * one costs more than the rest, and `ctx.signal` aborts the call.
 */
export function derive(request: Request, init?: RequestInit): Request {
  return copyBodySource(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with other headers. `undefined` removes a header. */
export function withHeaders(from: RequestLike, headers: Readonly<Record<string, string | undefined>>): Request {
  const request = isUntouched(from) ? new Request(from.url) : derive(toRequest(from));
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
