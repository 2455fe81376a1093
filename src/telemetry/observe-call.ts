/** Reports a call to a listener: `observe`, `log`, `metrics` and the exporters are built on it. */
import { notify, type Context, type Next } from '../core/context.ts';
import type { Listener } from '../core/events.ts';
import { isCancelled } from './semantic-conventions.ts';

/**
 * Runs the inner middleware. The listener receives `request.started`, every event of the inner middleware, and
 * `request.settled`. Both describe the call at this place in the stack; outer middleware may have changed it. The first
 * error of the listener is reported once for each `owner`: a listener may be made for one call.
 */
export function observeCall(ctx: Context, next: Next, listener: Listener, owner: object = listener): Promise<Response> {
  const { id } = ctx;
  const { method, url } = ctx;
  const started = performance.now();
  let attempts = 0;
  const count: Listener = (event) => {
    if (event.type === 'attempt.sent') attempts += 1;
    notify(listener, event, owner);
  };
  const duration = (): number => performance.now() - started;
  const type = 'request.settled';

  notify(listener, { type: 'request.started', method, url, id, time: Date.now() }, owner);
  return next({ observers: [...ctx.observers, count] }).then(
    (response) => {
      const { status } = response;
      notify(listener, { type, method, url, status, duration: duration(), attempts, id, time: Date.now() }, owner);
      return response;
    },
    (error: unknown) => {
      const aborted = isCancelled(ctx, error) && ({ aborted: true } as const);
      notify(
        listener,
        { type, method, url, error, ...aborted, duration: duration(), attempts, id, time: Date.now() },
        owner,
      );
      throw error;
    },
  );
}
