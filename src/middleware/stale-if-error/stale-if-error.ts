/** Returns the last good response of a GET after a failure (RFC 5861). Placed outside `timeout` and `retry`, inside `fallback`. */
import type { Middleware } from '../../core/context.ts';
import { duration, fn, policyOptions, unchecked, type PolicyOptions, type Settings } from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { discard } from '../../lib/body/discard.ts';
import { ageOf, mayStore, cacheKey } from './cache-policy.ts';
import type { Key } from '../../lib/keys.ts';
import { isFailure, settle, outcomeFacts, unwrap, type When } from '../../lib/outcome.ts';
import { responseStore } from './response-store.ts';

export interface StaleIfErrorOptions {
  /** How long a response is stored, ms; the response may demand less. @default 86_400_000, a day */
  readonly ttl?: number;
  /** Calls with the same key get the same stored response. A call whose key is `undefined` is not affected. @default URL and request headers */
  readonly key?: Key;
  /** The store of responses. @default the storage of the entry point */
  readonly storage?: Storage;
  /** The outcomes that are replaced. @default an error, or a status of 500 and above */
  readonly when?: When;
}

export const staleIfErrorOptions: PolicyOptions<Settings<StaleIfErrorOptions, 'storage'>> =
  /* @__PURE__ */ policyOptions('staleIfError', {
    ttl: [duration, 86_400_000],
    key: [fn, cacheKey],
    storage: [unchecked, undefined],
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
 * A later response below 500 that must not be stored deletes the stored one. A caller that has aborted gets the reason of
 * its abort. Per call: `staleIfError: false`, or `staleIfError: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @see https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export function staleIfError(options: StaleIfErrorOptions = {}): Middleware {
  const own = staleIfErrorOptions.parse(options);

  return async function staleIfError(ctx, next) {
    const policy = staleIfErrorOptions.forCall(ctx, own);
    const name = policy && mayStore(ctx) ? policy.key(ctx) : undefined;
    if (policy === undefined || name === undefined) return next();
    const store = responseStore(ctx, policy.storage ?? ctx.storage, name);

    const outcome = await settle(next());
    if (!policy.when(outcome, ctx)) {
      if (outcome.response) store.save(outcome.response, policy.ttl);
      return unwrap(outcome);
    }
    const stored = ctx.aborted ? undefined : await store.load();
    if (stored === undefined || ctx.aborted) return unwrap(outcome);
    ctx.emit({ type: 'stale-if-error.served', age: ageOf(stored.headers), ...outcomeFacts(outcome) });
    if (outcome.response) discard(outcome.response);
    return stored;
  };
}
