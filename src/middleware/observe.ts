/** Passes the events of the inner middleware to a listener. Placed outermost for calls, inside `retry` for attempts. */
import type { Middleware } from '../core/context.ts';
import type { Listener } from '../core/events.ts';
import { observeCall } from '../telemetry/observe-call.ts';
import { asPolicy, fn } from '../core/options.ts';

/**
 * Passes `request.started`, every event of the inner middleware and `request.settled` to the listener. The first and
 * the last describe the call as it is at this place in the stack. The listener is called synchronously, so it should be
 * quick. An error that it throws does not affect the call.
 *
 * Per call: `observe: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [observe((event) => console.log(event.type, event.id)), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/observe.md
 */
export function observe(listener: Listener): Middleware {
  fn('observe listener', listener);

  return asPolicy(listener, function observe(ctx, next) {
    return ctx.options['observe'] === false ? next() : observeCall(ctx, next, listener);
  });
}
