/** The same request to another place: a URL of its own, everything else as it was. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import { bodySource, setBodySource } from '../../core/engine/body-source.ts';
import { readUpTo } from '../body/streams.ts';
import { byteStream, type Bytes } from '../body/streams.ts';
import { referrerOf } from '../../core/engine/derive.ts';

/** `https://eu.example/v2` for `https://eu.example/v2/`: what stands before the path of a request. */
export function baseOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password, origin, pathname, search, hash } = new URL(url);
  // fetch refuses credentials in a URL; query and hash are the request's.
  if (!/^https?:$/.test(protocol) || username || password || search || hash) return undefined;
  return origin + pathname.replace(/\/+$/, '');
}

/** The path, the query and the hash of an http URL, behind another base. */
export function rebase(url: string, base: string): string {
  const path = url.indexOf('/', url.indexOf('//') + 2);
  return base + (path < 0 ? '/' : url.slice(path));
}

/**
 * A promise only where the body must be looked at. Without the signal: what aborts a call is `ctx.signal`, which the
 * transport gets beside the request.
 */
export function rewriteUrl(request: Request, url: string): Request | Promise<Request> {
  const { method, headers, mode, credentials, cache, redirect, integrity, keepalive } = request;
  const init = { method, headers, mode, credentials, cache, redirect, integrity, keepalive, ...referrerOf(request) };
  if (method === 'GET' || method === 'HEAD' || request.body === null) return new Request(url, init);
  const origin = bodySource(request);
  if (origin === undefined) return bodyOf(request).then((body) => withBody(url, init, body));
  return withBody(url, init, isSingle(origin) && request.body ? request.body : origin, origin);
}

function withBody(url: string, init: RequestInit, body: BodyInit, noted: BodyInit = body): Request {
  const headers = new Headers(init.headers);
  // A form's boundary is drawn when its body is made; the header must name the new one.
  if (body instanceof FormData) headers.delete('content-type');
  const streaming = body instanceof ReadableStream && { duplex: 'half' };
  const request = new Request(url, { ...init, headers, body, ...streaming });
  setBodySource(request, noted);
  return request;
}

/** Sent once: the Request that was made of it has it already. */
function isSingle(origin: BodyInit): boolean {
  return origin instanceof ReadableStream || Symbol.asyncIterator in Object(origin);
}

/**
 * Of a Request of somebody else's making. A stream would have no length, and a browser streams over HTTP/2 only, so
 * what is short is read first.
 */
async function bodyOf(request: Request): Promise<BodyInit> {
  if (!request.body) return request.blob(); // Firefox has no `Request.body`, and no streaming uploads either
  const reader = request.body.getReader();
  const chunks: Bytes[] = [];
  if (await readUpTo(reader, chunks, maxBufferedBody)) return new Blob(chunks);
  const next = async (): Promise<Bytes | undefined> => {
    const chunk = chunks.length > 0 ? chunks.shift() : (await reader.read()).value;
    return chunk?.byteLength === 0 ? next() : chunk;
  };
  return byteStream(next, (reason) => void reader.cancel(reason));
}
