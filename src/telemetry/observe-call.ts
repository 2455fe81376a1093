/** How a call is heard: what `observe`, and every tool that goes by events, is made of. */
import { notify, type Context, type Next } from '../core/context.ts';
import type { Listener } from '../core/events.ts';

/**
 * Runs what is beneath; the listener hears `request.started`, every event from there, and `request.settled`, for the
 * call as it stands at this place in the onion: to an observer further out it may look different.
 */
export function observeCall(ctx: Context, next: Next, listener: Listener): Promise<Response> {
  const { id } = ctx;
  const { method, url } = ctx;
  const started = performance.now();
  let attempts = 0;
  const hear: Listener = (event) => {
    if (event.type === 'attempt.sent') attempts += 1;
    return listener(event);
  };
  const duration = (): number => performance.now() - started;
  const type = 'request.settled';

  notify(listener, { type: 'request.started', method, url, id, time: Date.now() });
  return next({ observers: [...ctx.observers, hear] }).then(
    (response) => {
      const { status } = response;
      notify(listener, { type, method, url, status, duration: duration(), attempts, id, time: Date.now() });
      return response;
    },
    (error: unknown) => {
      notify(listener, { type, method, url, error, duration: duration(), attempts, id, time: Date.now() });
      throw error;
    },
  );
}
