/** Lets concurrent calls for the same thing share one request. Placed outside `idempotency` and `retry`. */
import { hasForeignInside } from '../../core/compose.ts';
import type { Middleware } from '../../core/context.ts';
import { asPolicy, keyFn, policyOptions, type PolicyOptions, type Settings } from '../../core/options.ts';
import { byRequest, isShareable, type Key } from '../../lib/keys.ts';
import { lruMap, type LruMap } from '../../lib/lru.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { SingleFlight, type Slot } from './single-flight.ts';

/**
 * The options of `dedupe()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/dedupe.md#options
 */
export interface DedupeOptions {
  /**
   * Calls with the same key share a request. A call whose key is `undefined` sends its own. The default contains all
   * headers except the tracing headers and `idempotency-key`, since any of them may identify the user. Without a given
   * key, a call sends its own request also if a middleware that is not kyoa's is placed inside, or if one of its options
   * cannot be compared.
   * @default byRequest: method, URL, caller's `requestId`, headers, modes, and options that are not kyoa's own, for GET, HEAD, and every call with a `requestId`
   */
  readonly key?: Key | undefined;
}

export const dedupeOptions: PolicyOptions<Settings<DedupeOptions, 'key'>> = /* @__PURE__ */ policyOptions('dedupe', {
  key: [keyFn, undefined],
});

/**
 * Lets concurrent calls with the same key share one request, from the first call until the response headers arrive. Each
 * caller gets its own Response: the first one when the headers have arrived, the others when the body has, or 1 MiB of
 * it. If a caller leaves (aborts its call, cancels its body, or drops its Response), the others are unaffected, also when
 * it was the first. The request is aborted when the last caller leaves. A caller that shares with no other gets the
 * transport's own Response.
 *
 * It stores nothing, so it is no cache. The inner middleware runs with the overrides of the first caller. The bytes of a
 * body are held once, until the slowest caller has read them; a caller that is 64 MiB ahead of it waits. A body that is
 * announced as longer than that, and an event stream, are not shared: the first caller gets it, the others send their own
 * requests. Use `dedupe: false` for any other body without an end. A handler does not share a response for one user, which
 * has `Set-Cookie`, `private` or `no-store`. On Workers each call sends its own request, because there no request may
 * wait for another one.
 *
 * Per call: `dedupe: false`, or `dedupe: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [dedupe(), retry()] });
 * const both = await Promise.all([fetch('https://api.example.com/users'), fetch('https://api.example.com/users')]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/dedupe.md
 */
export function dedupe(options: DedupeOptions = {}): Middleware {
  const own = dedupeOptions.parse(options);
  const isBound = isRequestBound();
  const stacks = new WeakMap<readonly Middleware[], StackState>();

  return asPolicy(options, function dedupe(ctx, next) {
    const settings = dedupeOptions.forCall(ctx, own);
    if (settings === undefined) return next();
    const { stack } = ctx;
    let state = stacks.get(stack);
    if (state === undefined) stacks.set(stack, (state = createState(hasForeignInside(dedupe, stack))));

    const isUnknown = isBound || state.isForeignInside;
    const key = settings.key && !isBound ? givenKey(settings.key(ctx)) : isUnknown ? undefined : byRequest(ctx);
    if (key === undefined) {
      const reason = isBound ? 'platform' : state.isForeignInside ? 'middleware' : 'option';
      if ((isBound || !settings.key) && isShareable(ctx)) ctx.emit({ type: 'dedupe.skipped', reason });
      return next();
    }
    const slot = state.slots.get(key);
    if (slot.flight !== undefined) {
      ctx.emit({ type: 'dedupe.joined' });
      return slot.flight.join(ctx, next);
    }

    return new SingleFlight(slot, ctx, next).join(ctx, next);
  });
}

/** No default key looks like it: a call without a given key does not join one that has another identity and such a key. */
function givenKey(key: string | undefined): string | undefined {
  return key === undefined ? undefined : `key ${key}`;
}

/** One for each stack: the inner middleware of another stack may send another request, say with other credentials. */
interface StackState {
  readonly slots: LruMap<Slot>;
  /** Whether what is inside may add an identity that the default key lacks. */
  readonly isForeignInside: boolean;
}

function createState(isForeignInside: boolean): StackState {
  return { slots: lruMap(createSlot, isFree), isForeignInside };
}

/**
 * A slot stays for the next flight. A Map that is filled and emptied with every call creates a table for each call, which
 * costs as much as the rest of the policy.
 */
function createSlot(): Slot {
  return { flight: undefined };
}

function isFree({ flight }: Slot): boolean {
  return flight === undefined;
}
