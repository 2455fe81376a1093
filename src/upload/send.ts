/** Sends the requests of an upload through a client or a fetch. */
import type { CallOptions } from '../call-options.ts';
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { afterRest, LimitTimer } from '../core/engine/timers.ts';
import { TimeoutError } from '../core/errors.ts';
import { duration } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import type { Kyoa, Options } from '../kyoa.ts';
import { serializeResponse } from '../lib/body/serialize.ts';
import { brand, type Fetch } from '../transport.ts';

/**
 * What an upload sends its requests through: a client, such as `kyoa`, or any fetch.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md
 */
export type UploadApi = Kyoa | Fetch;

/**
 * The options of every request of an upload: the overrides of kyoa, and the members of RequestInit.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#options
 */
export interface UploadCallOptions
  extends Omit<CallOptions, 'requestId'>, Omit<RequestInit, 'body' | 'method' | 'headers' | 'signal'> {
  /** Sent with every request, for example `authorization`. */
  readonly headers?: RequestInit['headers'] | undefined;
  /** Aborts the upload. It can be continued by another call with the same `requestId`. */
  readonly signal?: AbortSignal | undefined;
}

/** One request of an upload. */
export interface UploadRequest {
  readonly method: string;
  readonly url: string;
  /** Whether the URL is that of an upload resource, and not the one that the caller wrote. */
  readonly isResource: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Blob | undefined;
}

/** Resolves when the response has been read, up to 1 MiB of it. */
export type Send = (request: UploadRequest) => Promise<Response>;

/** An append is not sent again as it is: the server is asked first what it has. */
const once = { retry: false, hedge: false, dedupe: false, idempotency: false } as const;

/** The limits of a stack are for short calls. In their place, and through a fetch without limits, a request has this, ms. */
const longestRequest = 60_000;

/** Each request is a call of its own, through the whole stack of the client or fetch. */
export function sender(api: UploadApi, { headers, signal, ...options }: UploadCallOptions): Send {
  const isKyoa = storageOf(api) !== undefined;
  const call = (
    { method, url, isResource, body, ...request }: UploadRequest,
    signal: AbortSignal,
  ): Promise<Response> => {
    const all = new Headers(headers);
    for (const [name, value] of Object.entries(request.headers)) all.set(name, value);
    const isAppend = method === 'PATCH';
    const init = { ...(isKyoa && isAppend && { ...once, timeout: false }), ...options };
    const members = { ...init, method, headers: all, ...(body && { body }), signal };
    if (!isClient(api)) return api(url, members);
    // A URL object gets no prefix. Search parameters of the client are for the URL that the caller writes.
    const target = URL.canParse(url) ? new URL(url) : url;
    return api(target, { throwHttpErrors: false, ...(isResource && { searchParams: undefined }), ...members });
  };
  const limit = limitOf(options.timeout);
  return (request) => limited(limit, signal, (signal) => call(request, signal).then(whole));
}

/** A fetch that is not kyoa's, or a stack without `timeout()`, does not know the option. */
function limitOf(timeout: UploadCallOptions['timeout'] = true): number {
  const total = typeof timeout === 'object' ? (timeout.total ?? true) : timeout;
  if (total === false) return Infinity;
  // A limit that is learned is an object.
  return total === true || typeof total === 'object' ? longestRequest : duration('upload timeout', total);
}

/** Runs a request under the signal of the caller and a limit, and leaves no listener and no timer. */
async function limited(
  limit: number,
  caller: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const own = new AbortController();
  const leave = (): void => own.abort(caller?.reason);
  const started = performance.now();
  const expire = (): void => {
    own.abort(new TimeoutError({ phase: 'total', limit, elapsed: performance.now() - started }));
  };
  const timer = new LimitTimer(limit, (rest) => afterRest(rest, expire));
  if (caller?.aborted) leave();
  caller?.addEventListener('abort', leave);
  try {
    return await run(own.signal);
  } finally {
    timer.cancel();
    caller?.removeEventListener('abort', leave);
  }
}

/** The same response, read. One that breaks off rejects like the error of the network by which it was broken. */
async function whole(given: Response): Promise<Response> {
  const { response, broken } = await serializeResponse(given, maxBufferedBody);
  if (broken) throw Object.assign(new TypeError('The response broke off'), { cause: { code: 'ECONNRESET' } });
  return response;
}

/**
 * The URL that a call of the client has, by its base URL and its prefix: clients of two servers may share a storage. One that
 * is relative without a base is left to the fetch.
 */
export function resolved(api: UploadApi, url: string | URL): string {
  if (typeof url !== 'string') return url.href;
  let of: Pick<Options, 'prefix' | 'baseUrl'> = {};
  if (isClient(api)) {
    api.extend((defaults) => {
      of = defaults;
      return {};
    });
  }
  const prefix = String(of.prefix ?? '').replace(/\/+$/, '');
  const page = globalThis.location?.href;
  const base = URL.parse(of.baseUrl ?? '', page)?.href ?? page;
  const path = prefix === '' ? url : `${prefix}/${url.replace(/^\/+/, '')}`;
  return URL.parse(path, base)?.href ?? url;
}

function isClient(api: UploadApi): api is Kyoa {
  return 'create' in api && 'fetch' in api;
}

/** The storage of a client or fetch of kyoa; `undefined` for any other fetch. */
export function storageOf(api: UploadApi): Storage | undefined {
  const fetch: Fetch = isClient(api) ? api.fetch : api;
  return (fetch as { readonly [brand]?: Storage })[brand];
}
