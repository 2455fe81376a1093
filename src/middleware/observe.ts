/** Hears every event of everything under it. Outermost to see whole calls, inside `retry` to see attempts. */
import type { Middleware } from '../core/context.ts';
import type { Listener } from '../core/events.ts';
import { observeCall } from '../telemetry/observe-call.ts';
import { fn } from '../core/options.ts';

/**
 * Announces `request.started` and `request.settled` for the call as it stands at this place in the onion. A listener
 * that throws breaks nothing; it is called synchronously, so it should be quick. `observe: false` switches it off for
 * a call.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function observe(listener: Listener): Middleware {
  fn('observe listener', listener);

  return function observe(ctx, next) {
    return ctx.options['observe'] === false ? next() : observeCall(ctx, next, listener);
  };
}
