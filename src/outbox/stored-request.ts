/** A request as text, so that it can wait in a storage, and as a request again. */
import type { Context } from '../core/context.ts';
import { requestOf, type RequestLike } from '../core/engine/lazy-request.ts';
import { cancelStream, isStream } from '../core/engine/request-body.ts';
import { decode, encode, boundaryOf, withoutBoundary } from '../lib/body/serialize.ts';
import { concat, readUpTo, type Bytes } from '../lib/body/streams.ts';
import { foreignOptions, isComparable } from '../lib/keys.ts';
import { OutboxError } from './outbox-error.ts';

export interface StoredRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body, if it is UTF-8. A request without a body has neither `text` nor `base64`. */
  readonly text?: string;
  /** The body, if it is not UTF-8. */
  readonly base64?: string;
  /** The other members of the init, and the options of the call. */
  readonly init: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** These say who makes the call. They are out of date when the request is sent, and a storage is no place for them. */
const credentials = ['authorization', 'cookie', 'proxy-authorization'];

/** Leaves the request unread. @throws {OutboxError} `OUTBOX_REFUSED` for what cannot be stored */
export async function storedRequest(
  ctx: Context,
  added: Readonly<Record<string, string>>,
  maxBody: number,
): Promise<StoredRequest> {
  const secret = credentials.find((name) => ctx.header(name) !== null);
  if (secret !== undefined)
    throw refused(`the header ${secret} is not stored`, 'add it inside outbox, by auth() or a middleware');
  if (ctx.init['mode'] === 'no-cors')
    throw refused('the mode no-cors removes its idempotency key', 'have the server allow the origin');
  const options = storedOptions(ctx);
  const { bytes, type } = await bodyOf(ctx, maxBody);
  const headers = new Headers(ctx.headers);
  for (const [name, value] of Object.entries({ ...added, ...(type !== null && { 'content-type': type }) }))
    headers.set(name, value);
  return {
    method: ctx.method,
    url: ctx.url,
    headers: [...headers],
    ...(bytes && encode(bytes)),
    init: storedInit(ctx),
    options,
  };
}

/** The request, to be sent. */
export function restoredRequest({ method, url, headers, init, ...body }: StoredRequest): RequestLike {
  const all = new Headers(headers as [string, string][]);
  // Text without a type would get one.
  const sent = all.has('content-type') && body.text !== undefined ? body.text : (decode(body) ?? null);
  return requestOf(url, { ...init, method, headers: all, body: sent });
}

export function isSameRequest(one: StoredRequest, other: StoredRequest): boolean {
  return comparable(one) === comparable(other);
}

function comparable({ method, url, headers, text, base64 }: StoredRequest): string {
  const boundary = boundaryOf(headers.find(([name]) => name === 'content-type')?.[1]);
  const bytes = boundary === undefined ? undefined : decode({ text, base64 });
  return JSON.stringify([method, url, bytes ? withoutBoundary(bytes, boundary!) : [text, base64]]);
}

export function isStoredRequest(value: unknown): value is StoredRequest {
  const { method, url, headers, text, base64, init, options } = Object(value) as Partial<Record<string, unknown>>;
  const types = [method, url, text ?? '', base64 ?? ''].every((member) => typeof member === 'string');
  return types && Array.isArray(headers) && typeof init === 'object' && typeof options === 'object';
}

async function bodyOf(ctx: Context, maxBody: number): Promise<{ bytes: Bytes | undefined; type: string | null }> {
  const { body } = ctx;
  const type = ctx.header('content-type');
  if (body === null) return { bytes: undefined, type };
  if (body !== undefined && isStream(body))
    throw refused('the body is a stream, which cannot be read again', 'pass text, bytes, a Blob or a form');
  const copy = body === undefined ? ctx.request.clone() : new Response(body);
  const bytes = await readBody(copy, maxBody);
  if (bytes === undefined)
    throw refused(`the body has more than ${maxBody} bytes`, 'raise maxBody, or upload it with kyoa/upload');
  // A form has one boundary in its type and in its bytes.
  return { bytes, type: body instanceof FormData ? copy.headers.get('content-type') : type };
}

/** `undefined` for a body that is too long. */
async function readBody(copy: Request | Response, maxBody: number): Promise<Bytes | undefined> {
  if (!copy.body) {
    const bytes = new Uint8Array(await copy.arrayBuffer()); // Firefox has no `Request.body`
    return bytes.length > maxBody ? undefined : bytes;
  }
  const reader = copy.body.getReader();
  const chunks: Bytes[] = [];
  const ended = await readUpTo(reader, chunks, maxBody);
  if (!ended) void cancelStream(reader, copy.headers.get('content-type')); // not awaited: it may be a branch of a tee
  const bytes = concat(chunks);
  return ended && bytes.length <= maxBody ? bytes : undefined;
}

/** What fetch knows. `duplex` belongs to the body as the caller passed it. */
function storedInit(ctx: Context): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(ctx.init).filter(([name, value]) => name !== 'duplex' && isComparable([name, value])),
  );
}

/**
 * The options of the call. Those of kyoa that are functions only change how it is sent now. One of the user's own middleware may
 * say for whom it is sent.
 */
function storedOptions(ctx: Context): Record<string, unknown> {
  const lost = foreignOptions(ctx).find((option) => option[0] in ctx.options && !isComparable(option));
  if (lost !== undefined)
    throw refused(`the option ${lost[0]} cannot be stored`, 'pass text, numbers, or lists and objects of them');
  return Object.fromEntries(
    Object.entries(ctx.options).filter(
      ([name, value]) => isComparable([name, value]) && name !== 'outbox' && name !== 'requestId',
    ),
  );
}

function refused(why: string, remedy: string): OutboxError {
  return new OutboxError('OUTBOX_REFUSED', `outbox cannot keep the request: ${why}; ${remedy}, or pass outbox: false`);
}
