/** Lets calls for the same thing share one request while it is under way. Stands outside `idempotency` and `retry`. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import type { Middleware } from '../../core/context.ts';
import { fn, policyOptions, type PolicyOptions, type Settings } from '../../core/options.ts';
import { SingleFlight } from './single-flight.ts';
import { lruMap, type LruMap } from '../../lib/lru.ts';
import { byRequest, type Key } from '../../lib/keys.ts';

export interface DedupeOptions {
  /**
   * Calls with the same key share; `undefined` leaves a call alone.
   * @default method, URL, caller's `requestId`, identity headers and modes, for GET, HEAD, and whatever has a `requestId`
   */
  readonly key?: Key;
}

export const dedupeOptions: PolicyOptions<Settings<DedupeOptions>> = /* @__PURE__ */ policyOptions('dedupe', {
  key: [fn, byRequest],
});

/**
 * Shares until the headers are in; the body of a shared answer is read once for all. Everyone gets a Response of their
 * own, the first as the headers are in, the others as the body is; whoever leaves, the first included, harms nobody,
 * and the request is aborted when all have left. A single caller gets the transport's Response as it is. Remembers
 * nothing: an answer that has come is not a cache.
 *
 * What is beneath runs as the first caller's overrides say. A body without an end is nothing to wait for: event streams
 * are not shared, any other such call wants `dedupe: false`.
 *
 * Per call: `dedupe: false`, or `dedupe: { key }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function dedupe(options: DedupeOptions = {}): Middleware {
  const own = dedupeOptions.parse(options);
  // One policy may stand in several stacks: what is beneath it there is not the same, be it only another credential.
  const stacks = new WeakMap<readonly Middleware[], LruMap<Slot>>();

  return function dedupe(ctx, next) {
    const key = dedupeOptions.forCall(ctx, own)?.key(ctx);
    if (key === undefined) return next();

    let runways = stacks.get(ctx.stack);
    if (runways === undefined) stacks.set(ctx.stack, (runways = lruMap(newSlot, isFree)));
    const runway = runways.get(key);
    let { flight } = runway;
    if (flight !== undefined) ctx.emit({ type: 'dedupe.joined' });
    else {
      const run = (signal: AbortController, deadline: () => number): Promise<Response> => next({ signal, deadline });
      runway.flight = flight = new SingleFlight(run, maxBufferedBody, () => {
        if (runway.flight === flight) runway.flight = undefined;
      });
    }
    return flight.join(ctx, next);
  };
}

/**
 * Stays for the next flight: a Map that is filled and emptied with every call makes a table for each, which costs as much
 * as the rest of the policy.
 */
interface Slot {
  flight: SingleFlight | undefined;
}

function newSlot(): Slot {
  return { flight: undefined };
}

function isFree({ flight }: Slot): boolean {
  return flight === undefined;
}
