/** Signs each request, after every pause and with the time of its attempt. Placed innermost. */
import type { Context, Fork, Middleware } from '../core/context.ts';
import { isRepeatable, isStream } from '../core/engine/request-body.ts';
import { KyoaError } from '../core/errors.ts';
import { asPolicy, fn } from '../core/options.ts';
import { discard } from '../lib/body/discard.ts';
import { concat, readUpTo, type Bytes } from '../lib/body/streams.ts';
import { httpDate } from '../lib/header-times.ts';
import { byOrigin } from '../lib/keys.ts';
import { lruMap } from '../lib/lru.ts';
import { noop } from '../lib/noop.ts';

/**
 * What a signer knows beside the request.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/sign.md#signers
 */
export interface Signing {
  /** 1 for the first attempt of the call. */
  readonly attempt: number;
  /** The present time by the server's clock, as far as its responses have shown it. */
  readonly date: Date;
  /** The newest `DPoP-Nonce` of the origin (RFC 9449 §8). */
  readonly nonce: string | undefined;
}

/**
 * Signs a request: returns its headers, or a signed Request, of which the URL and the headers are sent. The body stays that
 * of the call; the signer may read the one of the Request that it gets. The body of a stream is not shown.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/sign.md#signers
 */
export type Signer = (request: Request, signing: Signing) => Signed | Promise<Signed>;

type Signed = Request | Readonly<Record<string, string>>;

/**
 * Signs each request that is sent: AWS Signature Version 4, HMAC, DPoP. A signature has the time of its attempt, however
 * long the pause before it was. If a 400, 401 or 403 says that the clock is wrong, and the `Date` of the response agrees,
 * the request is signed once more by the server's clock, which is used from then on for this origin. The same is done for a
 * `DPoP-Nonce`.
 *
 * A stream that was uploaded is not sent again. Per call: `sign: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. A call rejects with the error of the signer.
 * @example
 * ```ts
 * const secret = await crypto.subtle.importKey('raw', new TextEncoder().encode('s3cret'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
 * const fetch = createFetch({
 *   use: [
 *     retry(),
 *     sign(async (request, { date }) => {
 *       const time = date.toISOString();
 *       const text = new TextEncoder().encode(`${request.method} ${request.url} ${time}`);
 *       const mac = new Uint8Array(await crypto.subtle.sign('HMAC', secret, text));
 *       return { 'x-time': time, 'x-signature': btoa(String.fromCharCode(...mac)) };
 *     }),
 *   ],
 * });
 * await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/sign.md
 */
export function sign(signer: Signer): Middleware {
  fn('sign signer', signer);
  /** What the responses of an origin have shown. */
  const servers = lruMap<Server>(
    () => ({ skew: 0, nonce: undefined }),
    () => true,
  );

  return asPolicy({ signer }, async function sign(ctx, next) {
    if (ctx.options['sign'] === false) return next();
    const server = servers.get(byOrigin(ctx));
    const body = ctx.body instanceof FormData ? await new Response(ctx.body).blob() : ctx.body;
    const present: Fork = body === ctx.body ? {} : { body, headers: { 'content-type': undefined } };

    const used = { ...server };
    const response = await next(await signed(signer, ctx, present, used));
    const isRefused = refusal.has(response.status) && isRepeatable(body) && !ctx.aborted;
    learnNonce(server, response);
    if (!isRefused) return response;
    const skew = await skewOf(used, response);
    if (skew === undefined && !(await asksForNonce(used, response))) return response;
    discard(response);
    const { nonce } = server;
    const second = await next(await signed(signer, ctx, present, { skew: skew ?? used.skew, nonce }));
    learnNonce(server, second);
    // The `Date` may be that of a proxy with a wrong clock.
    if (skew !== undefined && !refusal.has(second.status)) server.skew = skew;
    return second;
  });
}

interface Server {
  /** ms that its clock is ahead of the local one. */
  skew: number;
  nonce: string | undefined;
}

/** The statuses with which servers refuse a signature. */
const refusal = new Set([400, 401, 403]);

async function signed(signer: Signer, ctx: Context, present: Fork, { skew, nonce }: Server): Promise<Fork> {
  const signing: Signing = { attempt: ctx.attempt, date: new Date(Date.now() + skew), nonce };
  const result = await signer(requestOf(ctx, present), signing);
  if (!isRequest(result) && !isHeaders(result))
    throw new KyoaError('INVALID_OPTION', 'the result of sign signer must be a Request, or an object of headers');
  if (!isRequest(result)) return { ...present, headers: { ...present.headers, ...result } };
  const headers = Object.fromEntries(result.headers);
  return { ...present, url: result.url, headers: { ...present.headers, ...headers } };
}

/** That of another copy of fetch, too. */
function isRequest(value: unknown): value is Request {
  return Object.prototype.toString.call(value) === '[object Request]';
}

/** `Headers` and lists have no members of their own, or other ones: nothing would be signed. */
function isHeaders(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return false;
  return Object.values(value).every((one) => typeof one === 'string');
}

/** A request of its own for the signer, who may read the body. A stream stays with the call. */
function requestOf(ctx: Context, { body = ctx.body }: Fork): Request {
  const { url, method, headers } = ctx;
  if (body === undefined) return ctx.request.clone();
  const own = new Headers(headers);
  if (ctx.body instanceof FormData) own.delete('content-type');
  return new Request(url, { method, headers: own, body: isStream(body) ? null : body });
}

/** A refusal by a server whose clock differs less than this has another cause: the `Date` of a response is in whole seconds. */
const leastSkew = 1_500;
/** The most bytes of a refusal that are read. */
const longestRefusal = 65_536;
/** AWS: RequestTimeTooSkewed, RequestExpired, "Signature expired"; Azure, OAuth 1, JWT: words of the time. */
const clockWords = /skew|expired|not yet (valid|current)|too (old|far)|\btimestamp\b|\bclock\b|\biat\b|x-amz-date/i;

/** The skew by the `Date` of a response that says that the time of the signature was wrong. */
async function skewOf(used: Server, response: Response): Promise<number | undefined> {
  const date = httpDate(response.headers.get('date') ?? '', Date.now());
  if (date === undefined) return undefined;
  const skew = date + 500 - Date.now();
  if (Math.abs(skew - used.skew) < leastSkew) return undefined;
  const said = `${response.headers.get('x-amzn-errortype')} ${response.headers.get('www-authenticate')}`;
  return clockWords.test(said) || clockWords.test(await beginning(response)) ? skew : undefined;
}

/** RFC 9449 §8: the body of a token server says so; §9: the challenge of an API, which a browser may hide. */
async function asksForNonce(used: Server, response: Response): Promise<boolean> {
  const nonce = response.headers.get('dpop-nonce');
  if (nonce === null || nonce === used.nonce) return false;
  const challenge = response.headers.get('www-authenticate');
  if (challenge !== null) return challenge.includes(nonceError);
  return response.status === 401 || (await beginning(response)).includes(nonceError);
}

const nonceError = 'use_dpop_nonce';

function learnNonce(server: Server, response: Response): void {
  server.nonce = response.headers.get('dpop-nonce') ?? server.nonce;
}

/** The beginning of the body, which can still be read as a whole. */
async function beginning(response: Response): Promise<string> {
  const reader = response.clone().body?.getReader();
  if (reader === undefined) return '';
  const chunks: Bytes[] = [];
  await readUpTo(reader, chunks, longestRefusal).catch(noop);
  void reader.cancel().catch(noop); // not awaited: that of a tee branch waits for the other branch
  return new TextDecoder().decode(concat(chunks));
}
