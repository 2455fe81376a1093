/**
 * Sends a request more than once, with its whole body each time or not at all, and to another server. And what permits that
 * for a POST: its idempotency key.
 */
import type { Context, Fork } from '../core/context.ts';
import type { BodyInit } from '../core/engine/fetch-types.ts';
import { privateState } from '../core/engine/private-state.ts';
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { cancelStream, isRepeatable, sources } from '../core/engine/request-body.ts';
import { invalid } from '../core/options.ts';
import { readUpTo, readOn, type Bytes } from './body/streams.ts';
import { noop } from './noop.ts';

export interface Resendable {
  /** Resolves to what `next` needs for one more attempt, or to `undefined` if the body could not be kept. */
  next(): Promise<Pick<Fork, 'body'> | undefined>;
  /** Frees the body, if a copy of it is kept. No further attempt may follow. */
  close?(): void;
}

/**
 * `undefined` for a body that is a stream or an async iterable, which can be sent only once. Nothing is copied unless it
 * must be.
 */
export function resendable(ctx: Context): Resendable | undefined {
  const { body } = ctx;
  if (body === undefined) return ofRequest(ctx);
  return isRepeatable(body) ? unchanged : undefined;
}

const unchanged: Resendable = { next: () => Promise.resolve({}) };

function ofRequest({ request, signal }: Context): Resendable {
  const body = sources.get(request);
  return body === undefined ? recorded(request, signal) : { next: () => Promise.resolve({ body }) };
}

/** For the body of a Request: a clone of it is kept while the first attempt sends it. */
function recorded(request: Request, signal: AbortSignal): Resendable {
  const recording = record(request.clone());
  signal.addEventListener('abort', recording.stop, { once: true }); // the body may be endless
  return {
    async next() {
      const body = await recording.bytes;
      return body && { body };
    },
    close: recording.stop,
  };
}

function record(copy: Request): { bytes: Promise<Blob | undefined>; stop: () => void } {
  // Firefox has no `Request.body` and no streaming uploads, so this body is in memory already.
  if (!copy.body) return { bytes: copy.blob().catch(() => undefined), stop: noop };
  const reader = copy.body.getReader();
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    void cancelStream(reader, copy.headers.get('content-type'));
  };
  const read = async (): Promise<Blob | undefined> => {
    const chunks: Bytes[] = [];
    if (!(await readUpTo(reader, chunks, maxBufferedBody))) stop();
    return stopped ? undefined : new Blob(chunks); // a cancelled reader ends, too
  };
  return { bytes: read().catch(() => undefined), stop };
}

/** The header that `idempotency` uses for a call, keyed by `ctx.state`, which all forks of the call share. */
const keyHeaders = privateState<string>();

const standardHeader = 'idempotency-key';

export function setKeyHeader(ctx: Context, name: string): void {
  if (name.toLowerCase() !== standardHeader) keyHeaders.set(ctx.state, name);
}

/** Keyed by `ctx.state`. */
const onceByOthers = privateState<true>();

/** A middleware outside makes sure by itself that one request is sent under the key of the call. */
export function noteSentOnce(ctx: Context): void {
  onceByOthers.set(ctx.state, true);
}

export function isSentOnce(ctx: Context): boolean {
  return onceByOthers.get(ctx.state) === true;
}

export function carriesKey(ctx: Context): boolean {
  return ctx.header(standardHeader) !== null || ctx.header(keyHeaders.get(ctx.state) ?? standardHeader) !== null;
}

/** How the header has the key: bare, as most servers accept it, or as a Structured Field String, as in the IETF draft. */
export type KeyFormat = 'bare' | 'structured';

/** Reads either form. `undefined` for a request without the header. */
export function readKey(header: string | null): string | undefined {
  const value = header?.trim();
  // The parameters of a Structured Field have no meaning here.
  const quoted = /^"((?:[^"\\]|\\["\\])*)"\s*(;.*)?$/.exec(value ?? '')?.[1];
  return quoted === undefined ? value : quoted.replace(/\\(["\\])/g, '$1');
}

/** @throws {KyoaError} `INVALID_OPTION`, if a header cannot carry the key (RFC 9651 §3.3.3: printable ASCII) */
export function writeKey(key: string, format: KeyFormat): string {
  if (!/^[\x20-\x7e]+$/.test(key) || key.trim() !== key) {
    throw invalid('requestId', key, 'printable ASCII without space at its ends, because it is sent in a header');
  }
  return format === 'bare' ? key : `"${key.replace(/(["\\])/g, '\\$1')}"`;
}

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
