/** Lets a newer call replace an older one (search as you type). Placed outside `retry`. */
import type { Middleware } from '../core/context.ts';
import { asPolicy, keyFn, policyOptions, type PolicyOptions } from '../core/options.ts';
import type { Key } from '../lib/keys.ts';
import { withCallerSignal } from '../lib/caller-signal.ts';
import { replacedReason } from '../lib/outcome.ts';
import { isRequestBound, lookAgain } from '../lib/platform.ts';

/**
 * The options of `latest()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/latest.md#options
 */
export interface LatestOptions {
  /** A newer call replaces an older one with the same key. A call whose key is `undefined` replaces none. */
  readonly key: Key;
}

export const latestOptions: PolicyOptions<LatestOptions> = /* @__PURE__ */ policyOptions('latest', { key: [keyFn] });

/**
 * Lets a newer call replace an older one with the same key. The replaced call rejects at once with an `AbortError`, and
 * its connection is released. A call whose response has already been returned is not affected.
 *
 * Per call: `latest: false`, or `latest: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const search = createFetch({ use: [latest({ key: () => 'search' })] });
 * const response = await search('https://api.example.com/search?q=ada');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/latest.md
 */
export function latest(options: LatestOptions): Middleware {
  const own = latestOptions.parse(options);
  /** By key: replaces the call in flight. */
  const current = new Map<string, () => void>();
  const isBound = isRequestBound();

  return asPolicy(options, async function latest(ctx, next) {
    const key = latestOptions.forCall(ctx, own)?.key(ctx);
    if (key === undefined) return next();

    if (!isBound) current.get(key)?.();
    const mine = ctx.child();
    let replace!: () => void;
    const replaced = new Promise<void>((resolve) => (replace = resolve));
    // The reaction of a promise runs in the async context of this call: its listeners are not those of the newer call.
    void replaced.then(() => {
      ctx.emit({ type: 'latest.replaced' });
      mine.abort(replacedReason('Replaced by a newer call'));
    });
    current.set(key, replace);
    // Where a request must not abort another one, the older call looks whether a newer one has replaced it.
    const stop = isBound ? lookAgain(() => current.get(key) !== replace, replace) : undefined;
    try {
      return await withCallerSignal(mine.signal, (own) => next({ signal: own }));
    } finally {
      stop?.();
      if (current.get(key) === replace) current.delete(key);
    }
  });
}
