/** The last good GET when what is beneath fails (RFC 5861). Stands outside `timeout` and `retry`, inside `fallback`. */
import type { Middleware } from '../../core/context.ts';
import { duration, fn, policyOptions, unchecked, type PolicyOptions, type Settings } from '../../core/options.ts';
import type { Storage } from '../../core/storage.ts';
import { discard } from '../../lib/body/discard.ts';
import { ageOf, mayKeepRequest, cacheKey } from './cache-policy.ts';
import type { Key } from '../../lib/keys.ts';
import { isFailure, settle, outcomeFacts, unwrap, type When } from '../../lib/outcome.ts';
import { responseStore } from './response-store.ts';

export interface StaleIfErrorOptions {
  /** How long an answer is kept, ms; the response may ask for less. @default 86_400_000, a day */
  readonly ttl?: number;
  /** Calls with the same key get each other's answers; `undefined` leaves a call alone. @default URL and request headers */
  readonly key?: Key;
  /** Where answers are kept. @default the storage of the face */
  readonly storage?: Storage;
  /** Which outcomes are replaced. @default an error, or a status of 500 and above */
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
 * Served with `Age`, in seconds, and `Warning: 111`. Kept of every complete 200 up to 1 MiB, once its reader has read it
 * to the end, and byte for byte but for `Set-Cookie`; a storage that fails costs only that.
 *
 * Not kept: HEAD, ranges, event streams; what request or response forbid with `no-store`, the response with `no-cache`,
 * `must-revalidate` or `Vary: *`. Its `stale-if-error=N` is obeyed (N seconds beyond its freshness, 0 for never), and so
 * is the request's. `private` answers are kept on the client side, under a digest of all that the request shows of its
 * user; with cookies that a browser adds beneath us it shows nothing, so an app whose users change there names a `key`,
 * unless the response has `Vary: Cookie`. In a handler nothing private is kept, nor anything with a `Set-Cookie`.
 *
 * A later answer below 500 that may not be kept takes the place of the one that was. A caller who aborted gets the reason
 * of the abort. Per call: `staleIfError: false`, or `staleIfError: { ... }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @see https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export function staleIfError(options: StaleIfErrorOptions = {}): Middleware {
  const own = staleIfErrorOptions.parse(options);

  return async function staleIfError(ctx, next) {
    const policy = staleIfErrorOptions.forCall(ctx, own);
    const name = policy && mayKeepRequest(ctx.request) ? policy.key(ctx) : undefined;
    if (policy === undefined || name === undefined) return next();
    const place = responseStore(ctx, policy.storage ?? ctx.storage, name);

    const outcome = await settle(next());
    if (!policy.when(outcome, ctx)) {
      if (outcome.response) place.save(outcome.response, policy.ttl);
      return unwrap(outcome);
    }
    const kept = ctx.signal.aborted ? undefined : await place.load();
    if (kept === undefined || ctx.signal.aborted) return unwrap(outcome);
    ctx.emit({ type: 'stale-if-error.served', age: ageOf(kept.headers), ...outcomeFacts(outcome) });
    if (outcome.response) discard(outcome.response);
    return kept;
  };
}
