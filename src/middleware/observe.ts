/** Hears every event of everything under it. Outermost to see whole calls, inside `retry` to see attempts. */
import type { Context, Middleware } from '../core/context.ts';
import { notify } from '../core/context.ts';
import type { Fact, Listener } from '../core/events.ts';
import { func } from '../core/options.ts';

/**
 * Announces `request.started` and `request.settled` for the call as it stands at this place in the onion. A listener
 * that throws breaks nothing; it is called synchronously, so it should be quick. `observe: false` switches it off for
 * a call.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function observe(listener: Listener): Middleware {
  func('observe listener', listener);

  return async function observe(ctx, next) {
    if (ctx.options['observe'] === false) return next();
    const { method, url } = ctx.request;
    const started = performance.now();
    let attempts = 0;
    const hear: Listener = (event) => {
      if (event.type === 'attempt.sent') attempts += 1;
      return listener(event);
    };
    const settled = (how: { status: number } | { error: unknown }): void =>
      tell(ctx, hear, {
        type: 'request.settled',
        method,
        url,
        ...how,
        duration: performance.now() - started,
        attempts,
      });

    tell(ctx, hear, { type: 'request.started', method, url });
    try {
      const response = await next({ observers: [...ctx.observers, hear] });
      settled({ status: response.status });
      return response;
    } catch (error) {
      settled({ error });
      throw error;
    }
  };
}

/** To this listener alone: an observer further out announces the call as it stands there. */
function tell({ id }: Context, listener: Listener, fact: Fact): void {
  notify(listener, { ...fact, id, time: Date.now() });
}
