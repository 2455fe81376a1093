/** Creates a Request from another one. */
import { bodySource, copyBodySource, isRereadable, type Rereadable } from './body-source.ts';
import { isUntouched, toRequest, type RequestLike } from './lazy-request.ts';

/**
 * Like `new Request(request, init)`, for an init without a body. The body source is copied. The signal is not: to follow
 * one costs more than the rest, and `ctx.signal` aborts the call.
 */
export function derive(request: Request, init?: RequestInit): Request {
  return copyBodySource(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with a new body of the same source. The body of the original stays unread. */
export function copy(request: Request, body: Rereadable, init?: RequestInit): Request {
  const headers = headersFor(body, request.headers);
  return copyBodySource(new Request(request, { ...referrerOf(request), ...init, headers, body }), request);
}

/** The same request with other headers. `undefined` removes a header. A body of a known source can be sent again. */
export function withHeaders(from: RequestLike, headers: Readonly<Record<string, string | undefined>>): Request {
  const request = isUntouched(from) ? new Request(from.url) : copyOrMove(toRequest(from));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) request.headers.delete(name);
    else request.headers.set(name, value);
  }
  return request;
}

/** A body of an unknown source, or a stream, moves to the new Request. */
function copyOrMove(request: Request): Request {
  const source = bodySource(request);
  return source !== undefined && isRereadable(source) ? copy(request, source, { signal: null }) : derive(request);
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
