/** Identifies a request: a digest of its method, its URL and the first MiB of its body. */
import type { Context } from '../../core/context.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { cancelStream, isStream } from '../../core/engine/request-body.ts';
import { boundaryOf, withoutBoundary } from '../../lib/body/serialize.ts';
import { readUpTo, type Bytes } from '../../lib/body/streams.ts';
import { digest } from '../../lib/digest.ts';

/** Leaves the request unread. `target` replaces the URL for a caller to whom only a part of the URL matters. */
export async function fingerprint(ctx: Context, target: string = ctx.url): Promise<string> {
  return digest(new Blob([`${ctx.method} ${target}\n`, await comparableBody(ctx)]));
}

async function comparableBody(ctx: Context): Promise<Blob | string> {
  const { body } = ctx;
  if (body === null) return '';
  if (typeof body === 'string') return new Blob([body]).slice(0, maxBufferedBody);
  const copy = body === undefined || isStream(body) ? ctx.request.clone() : new Response(body);
  const start = await startOfBody(copy);
  const boundary = boundaryOf(copy.headers.get('content-type') ?? ctx.header('content-type'));
  if (boundary === undefined) return start;
  const text = withoutBoundary(await start.arrayBuffer(), boundary);
  // If the body is longer than its start, the start may end in the middle of a boundary.
  return start.size < maxBufferedBody ? text : text.slice(0, -boundary.length);
}

async function startOfBody(copy: Request | Response): Promise<Blob> {
  if (!copy.body) return (await copy.blob()).slice(0, maxBufferedBody); // Firefox has no `Request.body`
  const reader = copy.body.getReader();
  const chunks: Bytes[] = [];
  const ended = await readUpTo(reader, chunks, maxBufferedBody);
  if (!ended) void cancelStream(reader, copy.headers.get('content-type')); // not awaited: it may be a branch of a tee
  return new Blob(chunks).slice(0, maxBufferedBody);
}
