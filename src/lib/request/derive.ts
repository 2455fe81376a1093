/** Requests made of other ones. */
import { copyBodySource } from '../../core/engine/body-source.ts';

/**
 * As `new Request(request, init)`, for an init without a body; the note goes along. Without the signal, which would
 * cost more than the rest: what aborts a call is `ctx.signal`.
 */
export function derive(request: Request, init?: RequestInit): Request {
  return copyBodySource(new Request(request, { ...referrerOf(request), signal: null, ...init }), request);
}

/** The same request with one header more, or another value of it. */
export function withHeader(request: Request, name: string, value: string): Request {
  const derived = derive(request);
  derived.headers.set(name, value);
  return derived;
}

/** An init, whatever is in it, resets both to their defaults (Fetch Standard, Request constructor, step 12). */
export function referrerOf({ referrer, referrerPolicy }: Request): RequestInit {
  return {
    ...(referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}
