/** Executes a repeated request once. Placed inside `dedupe` and outside `retry`; in a handler outermost. */
import type { Context, Middleware, Next } from '../../core/context.ts';
import { IdempotencyError } from '../../core/errors.ts';
import {
  asPolicy,
  boolean,
  duration,
  fn,
  headerName,
  methods,
  oneOf,
  policyOptions,
  storage,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { fingerprint } from './fingerprint.ts';
import { keyProblem, longestKey, unusableKeyProblem } from './key-problem.ts';
import { readKey, writeKey, isSentOnce, setKeyHeader } from '../../lib/resend.ts';
import { callerOf, defaultScope } from './scope.ts';
import { executeOnce } from './execute-once.ts';
import { noop } from '../../lib/noop.ts';
import { isFinal, type When } from '../../lib/outcome.ts';

/**
 * The options of `idempotency()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/idempotency.md#options
 */
export interface IdempotencyOptions {
  /** The header that carries the key. @default 'Idempotency-Key' */
  readonly header?: string | undefined;
  /** Requests with other methods are not affected. @default ['POST', 'PATCH'] */
  readonly methods?: readonly string[] | undefined;
  /** Whether a request without a key gets a generated one. @default true */
  readonly generate?: boolean | undefined;
  /** How the key is sent: bare, as Stripe and most servers accept it, or as the draft's quoted string. @default 'bare' */
  readonly format?: 'bare' | 'structured' | undefined;
  /** How long a result is stored, ms. @default 86_400_000, a day */
  readonly ttl?: number | undefined;
  /**
   * A holder that has not renewed its lease for this long loses it to the next repeat, ms. @default 15_000; in a handler
   * 60_000: a frozen process may resume after its lease expired, and no downstream service detects the duplicate
   */
  readonly lease?: number | undefined;
  /** The store of results and leases. @default the storage of the entry point */
  readonly storage?: Storage | undefined;
  /** What a repeat does while the first request is running. @default 'wait'; in a handler 'throw', which is a 409 */
  readonly conflict?: 'wait' | 'throw' | undefined;
  /** Whether a handler refuses a request without a key, with a 400. @default false */
  readonly required?: boolean | undefined;
  /**
   * Separates the keys of different principals. @default the origin, and a stored response is returned only to a call with
   * the credentials and options of the one that stored it; in a handler a digest of the host and of every
   * credential: `Authorization`, `Cookie`, API keys, the user that a proxy names. Give a scope if a credential may be
   * another one in the repeat, such as an access token that is renewed. `undefined` is the default scope
   */
  readonly scope?: ((ctx: Context) => string | undefined | Promise<string | undefined>) | undefined;
  /** Which responses are final and therefore stored. @default below 500, but not 401, 407, 408, 409, 425 and 429 */
  readonly when?: When | undefined;
}

type Policy = Settings<IdempotencyOptions, 'lease' | 'storage' | 'conflict' | 'scope'>;

export const idempotencyOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions('idempotency', {
  header: [headerName, 'Idempotency-Key'],
  methods: [methods, ['POST', 'PATCH']],
  generate: [boolean, true],
  format: [oneOf, 'bare', ['bare', 'structured']],
  ttl: [duration, 86_400_000],
  lease: [duration, undefined],
  storage: [storage, undefined],
  conflict: [oneOf, undefined, ['wait', 'throw']],
  required: [boolean, false],
  scope: [fn, undefined],
  when: [fn, isFinal],
});

/**
 * Sends one key with every attempt of a call, and executes a request once per key. On the client the key is the header that
 * the request has, else the caller's `requestId`, else the id of the call. With a `requestId` the result is stored: a
 * repeat, also after a crash or from another tab or process, gets the stored response (`Idempotency-Replayed: true`). A
 * concurrent repeat waits for it. When the lease of a holder expires, exactly one repeat takes over and sends the same
 * key. If the storage fails before the request is sent, the call fails. If the response cannot be stored, the caller
 * still gets it.
 *
 * In a handler the key comes from the request. The handler runs to its end even if its client disconnects. It responds as
 * the draft says: 400 (no usable key), 409 with `Retry-After` (the request is running), 422 (another payload).
 *
 * Event streams and bodies above 1 MiB are not stored. Per call: `idempotency: false`, or `idempotency: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The call rejects with `IdempotencyError` (`IDEMPOTENCY_CONFLICT`, with
 * `conflict: 'throw'`, or `IDEMPOTENCY_MISMATCH`) or `StorageError`.
 * @example
 * ```ts
 * const api = kyoa.create({ use: standard({ idempotency: { generate: true } }) });
 * await api.post('https://api.example.com/orders', { json: { id: 42 }, requestId: 'order-42' });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/idempotency.md
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotency(options: IdempotencyOptions = {}): Middleware {
  const own = idempotencyOptions.parse(options);

  return asPolicy(options, function idempotency(ctx, next) {
    const policy = idempotencyOptions.forCall(ctx, own);
    if (policy === undefined || !policy.methods.includes(ctx.method)) return next();
    return ctx.side === 'server' ? serve(policy, ctx, next) : send(policy, ctx, next);
  });
}

async function send(policy: Policy, ctx: Context, next: Next): Promise<Response> {
  const { header, format, generate, conflict = 'wait', lease = 15_000 } = policy;
  const hasRequestId = ctx.options['requestId'] !== undefined;
  const given = readKey(ctx.header(header)) || undefined;
  const key = given ?? (hasRequestId || generate ? ctx.id : undefined);
  if (key === undefined) return next();

  setKeyHeader(ctx, header);
  const fork = given === undefined ? { headers: { [header]: writeKey(key, format) } } : {};
  if (!hasRequestId || isSentOnce(ctx)) return next(fork);
  return executeOnce(ctx, { ...(await executionOptions(policy, ctx, key)), conflict, lease }, async () => {
    ctx.signal.throwIfAborted();
    return next(fork);
  });
}

async function serve(policy: Policy, ctx: Context, next: Next): Promise<Response> {
  const { header, required, conflict = 'throw', lease = 60_000 } = policy;
  const key = readKey(ctx.header(header));
  if (key === undefined && !required) return next();
  if (!key || key.length > longestKey) return unusableKeyProblem(header);
  // The work continues and its result is stored, even if the client disconnects.
  const { signal } = new AbortController();
  const options = { ...(await executionOptions(policy, ctx, key)), conflict, lease };
  try {
    const response = executeOnce(ctx, options, () => next({ signal, deadline: Infinity }));
    ctx.background(response.catch(noop));
    return await response;
  } catch (error) {
    if (!(error instanceof IdempotencyError)) throw error;
    return keyProblem(header, error);
  }
}

async function executionOptions(policy: Policy, ctx: Context, idempotencyKey: string) {
  const { storage = ctx.storage, scope, header, ttl, when } = policy;
  const given = await scope?.(ctx);
  const owner = given ?? (await defaultScope(ctx, header));
  return {
    idempotencyKey,
    storage,
    ttl,
    key: `idempotency ${JSON.stringify([owner, idempotencyKey])}`,
    // A scope says by itself whose key it is.
    caller: ctx.side === 'client' && given === undefined ? await callerOf(ctx, header) : undefined,
    // One caller of a handler must not fill the storage of all others. A client has few origins.
    owner: ctx.side === 'server' ? owner : undefined,
    fingerprint: await fingerprint(ctx, ctx.side === 'server' ? targetOf(ctx.url) : ctx.url),
    isFinal: (response: Response): boolean => when({ response }, ctx),
  };
}

/** Path and query alone: the scope says whether another host is another handler. */
function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
