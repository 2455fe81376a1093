/** A request that is made twice happens once. Stands inside `dedupe`, outside `retry`; on the server side outermost. */
import type { Context, Middleware, Next } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { duration, forCall, fn, invalid, array, oneOf, knownKeys } from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { digest } from '../../lib/digest.ts';
import { fingerprint } from '../../lib/request/fingerprint.ts';
import { keyProblem, longestKey, unusableKeyProblem } from './problem-response.ts';
import { readKey, writeKey } from './key-header.ts';
import { byOrigin } from '../../lib/keys.ts';
import { executeOnce } from './execute-once.ts';
import { isFinal, type When } from '../../lib/outcome.ts';

export interface IdempotencyOptions {
  /** @default 'Idempotency-Key' */
  readonly header?: string;
  /** Requests with other methods pass. @default ['POST', 'PATCH'] */
  readonly methods?: readonly string[];
  /** Whether a request without a key gets one. @default true */
  readonly generate?: boolean;
  /** How the key is sent: as Stripe and most servers take it, or as the draft's quoted string. @default 'bare' */
  readonly format?: 'bare' | 'structured';
  /** How long a result is kept, ms. @default 86_400_000, a day */
  readonly ttl?: number;
  /**
   * After so long without a sign of life a holder is given up, ms. @default 15_000, within the time that a caller
   * waits; in a handler, where nobody else recognises the repeat of what a frozen process goes on with, 60_000
   */
  readonly lease?: number;
  /** Where results are kept. @default the storage of the face */
  readonly storage?: Storage;
  /** What a repeat does while the first is under way. @default 'wait'; in a handler 'throw', which is a 409 */
  readonly conflict?: 'wait' | 'throw';
  /** In a handler: whether a request without a key is refused with a 400. @default false */
  readonly required?: boolean;
  /**
   * Keys of different scopes never meet. @default the origin; in a handler a digest of `Authorization`: where that does
   * not say who it is, as with sessions in cookies, this must
   */
  readonly scope?: (ctx: Context) => string | undefined | Promise<string | undefined>;
  /** Which answers are final and kept. @default below 500, but not 408, 409, 425 and 429 */
  readonly when?: When;
}

/**
 * On the client side the key is the header that is there already, else the caller's `requestId`, else the id of the
 * call; it is the same for every attempt. With a `requestId` the result is persisted: a repeat, also after a crash or
 * from another tab or process, replays the stored response (`Idempotency-Replayed: true`), a concurrent one waits for
 * it, and when a holder dies, exactly one successor takes over and sends the same key. A storage that is down fails
 * the call before anything is sent; an answer that could not be recorded is still handed over.
 *
 * In a handler the key is read off the request, the handler runs to its end though its client may leave, and faults
 * are answered as the draft says: 400 (key missing or unusable), 409 with `Retry-After` (under way), 422 (other payload).
 *
 * Not recorded: event streams, and bodies above 1 MiB. Per call: `idempotency: false`, or `idempotency: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `IdempotencyError` (`IDEMPOTENCY_CONFLICT`, with
 * `conflict: 'throw'`, or `IDEMPOTENCY_MISMATCH`) or `StorageError`.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotency(options: IdempotencyOptions = {}): Middleware {
  const own = parse(options);

  return function idempotency(ctx, next) {
    const policy = forCall(ctx.options['idempotency'], own, (override: IdempotencyOptions) =>
      parse({ ...options, ...override }),
    );
    if (policy === undefined || !policy.methods.has(ctx.method)) return next();
    return ctx.side === 'server' ? serve(policy, ctx, next) : send(policy, ctx, next);
  };
}

async function send(policy: Settings, ctx: Context, next: Next): Promise<Response> {
  const { header, format, generate, conflict = 'wait', lease = 15_000 } = policy;
  const named = ctx.options['requestId'] !== undefined;
  const given = readKey(ctx.header(header)) || undefined;
  const key = given ?? (named || generate ? ctx.id : undefined);
  if (key === undefined) return next();

  const keyed = given === undefined ? { headers: { [header]: writeKey(key, format) } } : {};
  if (!named) return next(keyed);
  return executeOnce(ctx, { ...(await subject(policy, ctx, key)), conflict, lease }, async () => {
    ctx.signal.throwIfAborted();
    return next(keyed);
  });
}

async function serve(policy: Settings, ctx: Context, next: Next): Promise<Response> {
  const { header, required, conflict = 'throw', lease = 60_000 } = policy;
  const key = readKey(ctx.header(header));
  if (key === undefined && !required) return next();
  if (!key || key.length > longestKey) return unusableKeyProblem(header);
  // Once begun, the work is done and its result kept, whether or not its client stays to hear of it.
  const { signal } = new AbortController();
  const options = { ...(await subject(policy, ctx, key)), conflict, lease };
  try {
    return await executeOnce(ctx, options, () => next({ signal, deadline: Infinity }));
  } catch (error) {
    if (!(error instanceof IdempotencyError)) throw error;
    return keyProblem(header, error);
  }
}

async function subject(policy: Settings, ctx: Context, name: string) {
  const { request } = ctx;
  const { storage = ctx.storage, scope, ttl, when } = policy;
  return {
    name,
    request,
    storage,
    ttl,
    key: `idempotency ${JSON.stringify([await scope(ctx), name])}`,
    fingerprint: await fingerprint(request, ctx.side === 'server' ? targetOf(request.url) : request.url),
    isFinal: (response: Response): boolean => when({ response }, ctx),
  };
}

/** Path and query: the same handler may be reached under several names. */
function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

type Settings = ReturnType<typeof parse>;
const members = 'header methods generate format ttl lease storage conflict required scope when'.split(' ');

function parse(options: IdempotencyOptions) {
  knownKeys('idempotency', options, members);
  const { header = 'Idempotency-Key', lease, conflict, storage } = options;
  if (typeof header !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(header))
    throw invalid('idempotency header', header, 'a header name');
  return {
    header,
    storage,
    methods: new Set(
      array('idempotency methods', options.methods ?? ['POST', 'PATCH']).map((method) => method.toUpperCase()),
    ),
    generate: options.generate ?? true,
    format: oneOf('idempotency format', options.format ?? 'bare', ['bare', 'structured']),
    ttl: duration('idempotency ttl', options.ttl ?? 24 * 60 * 60 * 1_000),
    lease: lease === undefined ? undefined : duration('idempotency lease', lease),
    conflict: conflict && oneOf('idempotency conflict', conflict, ['wait', 'throw']),
    required: options.required ?? false,
    scope: fn('idempotency scope', options.scope ?? principal),
    when: fn('idempotency when', options.when ?? isFinal),
  };
}

async function principal(ctx: Context): Promise<string> {
  return ctx.side === 'client' ? byOrigin(ctx) : digest(ctx.request.headers.get('authorization') ?? '');
}
