/** Sends the same request to another server: helpers for its URL and its body. */
import type { BodyInit } from '../../core/engine/fetch-types.ts';
import type { Context } from '../../core/context.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { readUpTo, readOn, type Bytes } from '../body/streams.ts';

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
 * The body that is to be sent to another URL, or `undefined` if the present one can be. Of a Request, a short body is read
 * first: a stream is sent without its length, and browsers send a stream only over HTTP/2.
 */
export async function portableBody(ctx: Context): Promise<BodyInit | undefined> {
  if (ctx.body !== undefined) return undefined;
  const { request } = ctx;
  if (!request.body) return request.blob(); // Firefox has no `Request.body` and no streaming uploads
  const reader = request.body.getReader();
  const chunks: Bytes[] = [];
  return (await readUpTo(reader, chunks, maxBufferedBody)) ? new Blob(chunks) : readOn(chunks, reader);
}
