/** Sends the same request to another URL: helpers for URLs, and a copy of a Request that differs only in its URL. */
import { bodySource, setBodySource } from '../../core/engine/body-source.ts';
import { headersFor, referrerOf } from '../../core/engine/derive-request.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { readUpTo, resume, type Bytes } from '../body/streams.ts';

/** Normalises what precedes the path of a request: `https://eu.example/v2` for `https://eu.example/v2/`. */
export function baseOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password, origin, pathname, search, hash } = new URL(url);
  // fetch refuses a URL with credentials. The query and the hash are those of the request.
  if (!/^https?:$/.test(protocol) || username || password || search || hash) return undefined;
  return origin + pathname.replace(/\/+$/, '');
}

/** Appends the path, the query and the hash of an http URL to another base. */
export function rebase(url: string, base: string): string {
  const path = url.indexOf('/', url.indexOf('//') + 2);
  return base + (path < 0 ? '/' : url.slice(path));
}

/**
 * Returns a promise only if the body has to be read. The copy does not follow the request's signal: `ctx.signal` aborts
 * the call, and the transport receives it beside the request.
 */
export function rewriteUrl(request: Request, url: string): Request | Promise<Request> {
  const { method, headers, mode, credentials, cache, redirect, integrity, keepalive } = request;
  const init = { method, headers, mode, credentials, cache, redirect, integrity, keepalive, ...referrerOf(request) };
  if (method === 'GET' || method === 'HEAD' || request.body === null) return new Request(url, init);
  const source = bodySource(request);
  if (source === undefined) return readBody(request).then((body) => withBody(url, init, body, body));
  // A stream is locked by the Request that was created from it: the copy takes the stream of that Request.
  return withBody(url, init, isReadOnce(source) && request.body ? request.body : source, source);
}

function withBody(url: string, init: RequestInit, body: BodyInit, source: BodyInit): Request {
  const duplex = body instanceof ReadableStream && { duplex: 'half' };
  const request = new Request(url, { ...init, headers: headersFor(body, init.headers), body, ...duplex });
  setBodySource(request, source);
  return request;
}

function isReadOnce(source: BodyInit): boolean {
  return source instanceof ReadableStream || Symbol.asyncIterator in Object(source);
}

/**
 * For a Request whose body source is unknown. A short body is read first, because a stream is sent without its length,
 * and browsers send a stream only over HTTP/2.
 */
async function readBody(request: Request): Promise<BodyInit> {
  if (!request.body) return request.blob(); // Firefox has no `Request.body` and no streaming uploads
  const reader = request.body.getReader();
  const chunks: Bytes[] = [];
  return (await readUpTo(reader, chunks, maxBufferedBody)) ? new Blob(chunks) : resume(chunks, reader);
}
