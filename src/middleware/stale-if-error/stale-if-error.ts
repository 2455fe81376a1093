/** Returns the last good response of a GET after a failure (RFC 5861). Placed outside `timeout` and `retry`, inside `fallback`. */
import { hasForeignInside } from '../../core/compose.ts';
import type { Middleware } from '../../core/context.ts';
import {
  asPolicy,
  duration,
  fn,
  keyFn,
  policyOptions,
  storage,
  type PolicyOptions,
  type Settings,
} from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { discard } from '../../lib/body/discard.ts';
import { ageOf, mayStore, cacheKey } from './cache-policy.ts';
import type { Key } from '../../lib/keys.ts';
import { isAborted, isFailure, settle, outcomeFacts, unwrap, type When } from '../../lib/outcome.ts';
import { responseStore } from './response-store.ts';

/**
 * The options of `staleIfError()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/stale-if-error.md#options
 */
export interface StaleIfErrorOptions {
  /** How long a response is stored, ms; the response may demand less. @default 86_400_000, a day */
  readonly ttl?: number | undefined;
  /**
   * Calls with the same key get the same stored response. A call whose key is `undefined` is not affected. Without a given
   * key, a call is not affected either if a middleware that is not kyoa's is placed inside, or if one of its options cannot
   * be compared.
   * @default URL, request headers, and options that are not kyoa's own
   */
  readonly key?: Key | undefined;
  /** The store of responses. @default the storage of the entry point */
  readonly storage?: Storage | undefined;
  /** The outcomes that are replaced. @default an error, or a status of 500 and above */
  readonly when?: When | undefined;
}

export const staleIfErrorOptions: PolicyOptions<Settings<StaleIfErrorOptions, 'storage' | 'key'>> =
  /* @__PURE__ */ policyOptions('staleIfError', {
    ttl: [duration, 86_400_000],
    key: [keyFn, undefined],
    storage: [storage, undefined],
    when: [fn, isFailure],
  });

/**
 * Returns the last good response of a GET when the inner middleware fails. The response has `Age`, in seconds, and
 * `Warning: 111`. Every complete response with status 200 and up to 1 MiB is stored once its reader has read it to the end,
 * without `Set-Cookie`. If the storage fails, the call continues without it.
 *
 * Not stored are responses to HEAD and to ranges, event streams, responses that `no-store` forbids in request or response,
 * and responses with `no-cache`, `must-revalidate` or `Vary: *`. `stale-if-error=N` of the response is obeyed (N seconds
 * beyond its freshness; 0: never), and that of the request, too. On the client, `private` responses are stored under a
 * digest of all headers that identify the user. A cookie that the browser adds is not among them: an app whose users
 * change names a `key`, unless the response has `Vary: Cookie`. A handler stores no private response and none with
 * `Set-Cookie`.
 *
 * A later 200 that must not be stored deletes the stored one, and so does a 4xx other than 408, 425 and 429. A caller that has aborted gets the reason of
 * its abort, and a call that `latest` has replaced its `AbortError`. Per call: `staleIfError: false`, or `staleIfError: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [staleIfError({ ttl: 3_600_000 }), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/stale-if-error.md
 * @see https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export function staleIfError(options: StaleIfErrorOptions = {}): Middleware {
  const own = staleIfErrorOptions.parse(options);
  /** For each stack, whether what is inside may add an identity that the key lacks. */
  const stacks = new WeakMap<readonly Middleware[], boolean>();

  return asPolicy(options, async function staleIfError(ctx, next) {
    const policy = staleIfErrorOptions.forCall(ctx, own);
    if (policy === undefined || !mayStore(ctx)) return next();
    let isForeign = stacks.get(ctx.stack);
    if (isForeign === undefined) stacks.set(ctx.stack, (isForeign = hasForeignInside(staleIfError, ctx.stack)));
    const name = policy.key ? policy.key(ctx) : isForeign ? undefined : cacheKey(ctx);
    if (name === undefined) {
      if (!policy.key) ctx.emit({ type: 'stale-if-error.skipped', reason: isForeign ? 'middleware' : 'option' });
      return next();
    }
    const store = responseStore(ctx, policy.storage ?? ctx.storage, name);

    const outcome = await settle(next());
    if (isAborted(outcome, ctx)) return unwrap(outcome);
    if (!policy.when(outcome, ctx)) {
      if (outcome.response) store.save(outcome.response, policy.ttl);
      return unwrap(outcome);
    }
    const stored = await store.load();
    if (stored === undefined || ctx.aborted) return unwrap(outcome);
    ctx.emit({ type: 'stale-if-error.served', age: ageOf(stored.headers), ...outcomeFacts(outcome) });
    if (outcome.response) discard(outcome.response);
    return stored;
  });
}
