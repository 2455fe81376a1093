/** Lets concurrent calls for the same thing share one request. Placed outside `idempotency` and `retry`. */
import type { Middleware } from '../../core/context.ts';
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import { fn, policyOptions, type PolicyOptions, type Settings } from '../../core/options.ts';
import { byRequest, type Key } from '../../lib/keys.ts';
import { lruMap, type LruMap } from '../../lib/lru.ts';
import { SingleFlight, type Slot } from './single-flight.ts';

export interface DedupeOptions {
  /**
   * Calls with the same key share a request. A call whose key is `undefined` sends its own. The default contains all
   * headers except the tracing headers and `idempotency-key`, since any of them may identify the user.
   * @default method, URL, caller's `requestId`, headers and modes, for GET, HEAD, and every call with a `requestId`
   */
  readonly key?: Key;
}

export const dedupeOptions: PolicyOptions<Settings<DedupeOptions>> = /* @__PURE__ */ policyOptions('dedupe', {
  key: [fn, byRequest],
});

/**
 * Lets concurrent calls with the same key share one request, from the first call until the response headers arrive. Each
 * caller gets its own Response: the first one when the headers have arrived, the others when the body has. If a caller
 * leaves (aborts its call, or cancels its body), the others are unaffected, also when it was the first. The request is
 * aborted when the last caller leaves. A caller that shares with no other gets the transport's own Response.
 *
 * It stores nothing, so it is no cache. The inner middleware runs with the overrides of the first caller. A body of more
 * than 1 MiB and an event stream are not shared: the first caller gets it, the others send their own requests. Use
 * `dedupe: false` for any other body without an end.
 *
 * Per call: `dedupe: false`, or `dedupe: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function dedupe(options: DedupeOptions = {}): Middleware {
  const own = dedupeOptions.parse(options);
  // Slots per stack: the inner middleware of another stack may send another request, say with other credentials.
  const stacks = new WeakMap<readonly Middleware[], LruMap<Slot>>();

  return function dedupe(ctx, next) {
    const key = dedupeOptions.forCall(ctx, own)?.key(ctx);
    if (key === undefined) return next();

    let slots = stacks.get(ctx.stack);
    if (slots === undefined) stacks.set(ctx.stack, (slots = lruMap(createSlot, isFree)));
    const slot = slots.get(key);
    if (slot.flight !== undefined) {
      ctx.emit({ type: 'dedupe.joined' });
      return slot.flight.join(ctx, next);
    }

    const flight = new SingleFlight(slot, maxBufferedBody);
    flight.start(next({ signal: flight.work, deadline: () => flight.deadline }));
    return flight.join(ctx, next);
  };
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
