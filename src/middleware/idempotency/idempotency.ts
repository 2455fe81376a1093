/** A request that is made twice happens once. Stands inside `dedupe`, outside `retry`; on the server side outermost. */
import type { Context, Middleware, Next } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import {
  boolean,
  duration,
  fn,
  invalid,
  methods,
  oneOf,
  policyOptions,
  unchecked,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
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

type Policy = Settings<IdempotencyOptions, 'lease' | 'storage' | 'conflict'>;

export const idempotencyOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions('idempotency', {
  header: [headerName, 'Idempotency-Key'],
  methods: [methods, ['POST', 'PATCH']],
  generate: [boolean, true],
  format: [oneOf, 'bare', ['bare', 'structured']],
  ttl: [duration, 86_400_000],
  lease: [duration, undefined],
  storage: [unchecked, undefined],
  conflict: [oneOf, undefined, ['wait', 'throw']],
  required: [boolean, false],
  scope: [fn, principal],
  when: [fn, isFinal],
});

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
  const own = idempotencyOptions.parse(options);

  return function idempotency(ctx, next) {
    const policy = idempotencyOptions.forCall(ctx, own);
    if (policy === undefined || !policy.methods.includes(ctx.method)) return next();
    return ctx.side === 'server' ? serve(policy, ctx, next) : send(policy, ctx, next);
  };
}

async function send(policy: Policy, ctx: Context, next: Next): Promise<Response> {
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

async function serve(policy: Policy, ctx: Context, next: Next): Promise<Response> {
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

async function subject(policy: Policy, ctx: Context, name: string) {
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

function headerName(name: string, value: string): string {
  if (typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)) return value;
  throw invalid(name, value, 'a header name');
}

async function principal(ctx: Context): Promise<string> {
  return ctx.side === 'client' ? byOrigin(ctx) : digest(ctx.request.headers.get('authorization') ?? '');
}
