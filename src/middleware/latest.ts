/** Lets a newer call replace an older one (search as you type). Placed outside `retry`. */
import type { Middleware } from '../core/context.ts';
import { fn, policyOptions, type PolicyOptions } from '../core/options.ts';
import type { Key } from '../lib/keys.ts';
import { withCallerSignal } from '../lib/caller-signal.ts';

export interface LatestOptions {
  /** A newer call replaces an older one with the same key. A call whose key is `undefined` replaces none. */
  readonly key: Key;
}

export const latestOptions: PolicyOptions<LatestOptions> = /* @__PURE__ */ policyOptions('latest', { key: [fn] });

/**
 * Lets a newer call replace an older one with the same key. The replaced call rejects at once with an `AbortError`, and
 * its connection is released. A call whose response has already been returned is not affected.
 *
 * Per call: `latest: false`, or `latest: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function latest(options: LatestOptions): Middleware {
  const own = latestOptions.parse(options);
  const current = new Map<string, AbortController>();

  return async function latest(ctx, next) {
    const key = latestOptions.forCall(ctx, own)?.key(ctx);
    if (key === undefined) return next();

    current.get(key)?.abort(new DOMException('Replaced by a newer call', 'AbortError'));
    const mine = ctx.child();
    current.set(key, mine);
    try {
      return await withCallerSignal(mine.signal, (own) => next({ signal: own }));
    } finally {
      if (current.get(key) === mine) current.delete(key);
    }
  };
}
