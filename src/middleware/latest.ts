/** Lets a newer call replace an older one: search as you type. Stands outside `retry`. */
import type { Branch } from '../core/engine/lazy-abort.ts';
import { sourceOf, type Middleware } from '../core/context.ts';
import { forCall, func, record } from '../core/options.ts';
import type { Key } from '../lib/keys.ts';
import { branch, underCaller } from '../lib/signal.ts';

export interface LatestOptions {
  /** Calls with the same key replace each other; `undefined` leaves a call alone. */
  readonly key: Key;
}

/**
 * The replaced call rejects at once with an `AbortError` and its connection is released; a call whose answer has
 * already been handed over is left to its reader.
 *
 * Per call: `latest: false`, or `latest: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function latest(options: LatestOptions): Middleware {
  const own = parse(options);
  const current = new Map<string, Branch>();

  return async function latest(ctx, next) {
    const key = forCall(ctx.options['latest'], own, parse)?.key(ctx);
    if (key === undefined) return next();

    current.get(key)?.abort(new DOMException('Replaced by a newer call', 'AbortError'));
    const mine = branch(sourceOf(ctx));
    current.set(key, mine);
    try {
      return await underCaller(mine.signal, (own) => next({ signal: own }));
    } finally {
      if (current.get(key) === mine) current.delete(key);
    }
  };
}

function parse(options: LatestOptions): LatestOptions {
  record('latest', options, ['key']);
  return { key: func('latest key', options.key) };
}
