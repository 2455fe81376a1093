/** The race of a response against a limit. */
import pTimeout from 'p-timeout';
import type { Context } from '../../core/context.ts';
import { after, SharedTimer, timerTolerance } from '../../core/engine/timers.ts';
import { discard } from '../../lib/body/discard.ts';

/**
 * Rejects with what `expire` returns when there is no response within `ms`, and with the reason of `ctx` as soon as that
 * aborts, even if no inner middleware reacts to an abort. A response that comes after that is discarded.
 *
 * p-timeout runs the race once the wait needs a platform timer of its own. Most responses come before: p-timeout assigns
 * a function to a property of its promise, V8 makes such a function in the old space, and there it keeps the whole call
 * alive until a full collection (docs/benchmarks.md).
 */
export function withTimeout(
  response: Promise<Response>,
  ms: number,
  ctx: Pick<Context, 'aborted' | 'onAbort' | 'signal'>,
  expire: () => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let settled = false;
    let expired = false;
    const expireNow = (): never => {
      expired = true;
      throw expire();
    };
    // If the program was blocked, the response may be in the socket: the event loop gets one turn to read it.
    const fallback = (): Promise<Response> => {
      if (performance.now() - timer.since - ms <= timerTolerance) return expireNow();
      const turn = new Promise<void>((resolve) => after(0, resolve));
      return Promise.race([response, turn.then(() => (settled || ctx.aborted ? response : expireNow()))]);
    };
    // The returned promise then follows p-timeout's, so resolving or rejecting it has no further effect.
    const race = (left: number): undefined => {
      resolve(pTimeout(response, { milliseconds: Math.max(1, left), signal: ctx.signal, fallback }));
    };
    const timer = new SharedTimer(ms, fallback, race);
    ctx.onAbort((reason) => {
      timer.cancel();
      reject(reason);
    });
    response.then(
      (response) => {
        settled = true;
        timer.cancel();
        if (expired || ctx.aborted) discard(response);
        else resolve(response);
      },
      (error: unknown) => {
        settled = true;
        timer.cancel();
        reject(error);
      },
    );
  });
}
