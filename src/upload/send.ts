/** Sends the requests of an upload through a client or a fetch. */
import type { CallOptions } from '../call-options.ts';
import type { Storage } from '../core/storage.ts';
import type { Kyoa } from '../kyoa.ts';
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
  readonly signal?: AbortSignal | undefined;
}

export type Send = (request: UploadRequest) => Promise<Response>;

/** An append is not sent again as it is: the server is asked first what it has. */
const once = { retry: false, hedge: false, dedupe: false, idempotency: false } as const;

/** Each request is a call of its own, through the whole stack of the client or fetch. */
export function sender(api: UploadApi, { headers, signal, ...options }: UploadCallOptions): Send {
  const isKyoa = storageOf(api) !== undefined;
  return (request) => {
    const { method, url, isResource, body } = request;
    const all = new Headers(headers);
    for (const [name, value] of Object.entries(request.headers)) all.set(name, value);
    const given = { method, headers: all, ...(body && { body }), signal: request.signal ?? signal ?? null };
    const isAppend = method === 'PATCH';
    const init = { cache: 'no-store', ...(isKyoa && isAppend && { ...once, timeout: false }), ...options, ...given };
    if (!isClient(api)) return api(url, init as RequestInit);
    // What the client adds to URLs is for those that the caller writes.
    const asIs = isResource ? { prefix: '', searchParams: undefined } : {};
    return api(url, { throwHttpErrors: false, ...asIs, ...init } as never);
  };
}

function isClient(api: UploadApi): api is Kyoa {
  return 'create' in api && 'fetch' in api;
}

/** The storage of a client or fetch of kyoa; `undefined` for any other fetch. */
export function storageOf(api: UploadApi): Storage | undefined {
  const fetch: Fetch = isClient(api) ? api.fetch : api;
  return (fetch as { readonly [brand]?: Storage })[brand];
}
