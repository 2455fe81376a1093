/** How a call is heard: what `observe`, and every tool that goes by events, is made of. */
import { askedOf, notify, type Context, type Next } from './context.ts';
import type { Fact, Listener } from './events.ts';

/**
 * Runs what is beneath; the listener hears `request.started`, every event from there, and `request.settled`, for the
 * call as it stands at this place in the onion.
 */
export function observed(ctx: Context, next: Next, listener: Listener): Promise<Response> {
  const { method, url } = askedOf(ctx);
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
  return next({ observers: [...ctx.observers, hear] }).then(
    (response) => {
      settled({ status: response.status });
      return response;
    },
    (error: unknown) => {
      settled({ error });
      throw error;
    },
  );
}

/** To this listener alone: an observer further out announces the call as it stands there. */
function tell({ id }: Context, listener: Listener, fact: Fact): void {
  notify(listener, { ...fact, id, time: Date.now() });
}
