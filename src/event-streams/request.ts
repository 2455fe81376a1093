/** The request of an event stream, which is sent once for each connection. */
import type { BodyInit, RequestCache } from '../core/engine/fetch-types.ts';
import { isStream, snapshot } from '../core/engine/request-body.ts';
import { KyoaError } from '../core/errors.ts';
import { hasHttpCache } from '../lib/platform.ts';
import { brand } from '../transport.ts';
import type { ConnectionOptions } from './connections.ts';

/**
 * What `events()` sends its requests with: a client, a fetch of kyoa, or any other fetch.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md
 */
export type EventsApi = (url: string | Request, init?: never) => PromiseLike<Response>;

/** The options of a call that are read here. */
export interface CallInit {
  readonly method?: string | undefined;
  readonly headers?: RequestInit['headers'] | Readonly<Record<string, string | undefined>>;
  readonly body?: BodyInit | null | undefined;
  /** Of the client. */
  readonly json?: unknown;
  readonly cache?: RequestCache | undefined;
  readonly timeout?: unknown;
}

interface RequestSettings {
  readonly resumable: boolean | undefined;
  readonly silence: number;
}

/** What the caller changes later is not sent. */
export function requestOf(
  api: EventsApi,
  url: string | URL | Request,
  init: CallInit,
  { resumable, silence }: RequestSettings,
): Pick<ConnectionOptions, 'connect' | 'isResumable'> {
  const given = url instanceof Request ? url : undefined;
  const target = url instanceof URL ? url.href : url;
  const body = init.body == null ? init.body : snapshot(init.body);
  // With a body and no method, the caller has passed a method of the client, such as `kyoa.post`.
  const isGet = /^get$/i.test(init.method ?? given?.method ?? 'GET') && body == null && init.json === undefined;
  const isSentAgain = resumable ?? isGet;
  if (isSentAgain && isStream(body)) {
    const advice = 'pass text, bytes, a Blob or a form';
    throw new KyoaError(
      'INVALID_OPTION',
      `events resumable is true, but body is a stream, which can be sent once: ${advice}`,
    );
  }
  const headers = { accept: 'text/event-stream', ...byName(init.headers ?? given?.headers) };
  const all = {
    ...(isKyoa(api) && { dedupe: false }), // a stream is not shared: the second of two would wait for the headers of the first
    ...init,
    ...(body !== undefined && { body }),
    ...(hasHttpCache() && { cache: init.cache ?? 'no-store' }),
    ...(silence !== Infinity && isKyoa(api) && { timeout: withoutIdle(init.timeout) }),
  };
  return {
    isResumable: (lastEventId) => isSentAgain && (isGet || lastEventId !== ''),
    connect(lastEventId, signal) {
      const id = lastEventId !== '' && { 'last-event-id': utf8(lastEventId) };
      const input = typeof target === 'string' || isGet || !isSentAgain ? target : target.clone();
      return api(input, { ...all, headers: { ...headers, ...id }, signal } as never);
    },
  };
}

/** The client removes a header that is `undefined`, so such a member stays. */
function byName(headers: CallInit['headers']): Record<string, string | undefined> {
  const isRecord = headers !== undefined && !(headers instanceof Headers) && !(Symbol.iterator in headers);
  const entries = isRecord ? Object.entries(headers) : new Headers(headers);
  return Object.fromEntries(Array.from(entries, ([name, value]) => [name.toLowerCase(), value]));
}

/** A header has bytes, and an id is sent as UTF-8 (HTML §9.2.3). Fetch takes the bytes as the characters of a string. */
function utf8(id: string): string {
  return Array.from(new TextEncoder().encode(id), (byte) => String.fromCharCode(byte)).join('');
}

/** A client has a fetch of kyoa. */
function isKyoa(api: EventsApi): boolean {
  return brand in api || ('fetch' in api && typeof api.fetch === 'function' && brand in api.fetch);
}

/** The limits of a call, without the one whose place `silence` takes. */
function withoutIdle(timeout: unknown): unknown {
  if (timeout === false) return timeout;
  const limits = typeof timeout === 'number' ? { total: timeout } : timeout;
  return { ...(limits as object | undefined), idle: false };
}
