/** The bridge from the caller's signal to the call's own. */
import { privateState } from '../core/engine/private-state.ts';
import { LazyAbortController } from '../core/engine/lazy-abort.ts';
import { watchBody } from './body/watch.ts';
import { discard } from './body/discard.ts';

/**
 * Runs a call under its caller's signal: an abort rejects at once with the caller's own reason, whatever the
 * transport makes of it, and fails a body that is still being read. One listener, which goes when the call is
 * over: rejected, or its body read, cancelled or failed. (`AbortSignal.any` keeps hundreds of bytes a call
 * on a long-lived signal in Node 22.)
 */
export function withCallerSignal(
  caller: AbortSignal,
  run: (own: LazyAbortController) => Promise<Response>,
): Promise<Response> {
  if (caller.aborted) return Promise.reject(caller.reason);
  const own = new LazyAbortController();
  return new Promise((resolve, reject) => {
    let fail = reject;
    const leave = (): void => {
      own.abort(caller.reason);
      fail(caller.reason);
    };
    const stay = (): void => caller.removeEventListener('abort', leave);
    caller.addEventListener('abort', leave, { once: true });
    // Also when it throws before it has begun, the listener goes.
    new Promise<Response>((begun) => begun(run(own)))
      .then((response) => {
        if (caller.aborted) return discard(response);
        fail = watchBody(response, { end: stay });
        resolve(response);
      })
      .catch((error: unknown) => {
        stay();
        reject(error);
      });
  });
}

/** Under several callers: as with `AbortSignal.any`, but by listeners that go when the call is over. */
export function withCallerSignals(
  [signal, ...others]: readonly AbortSignal[],
  run: (signal: AbortSignal) => Promise<Response>,
  joint: LazyAbortController = new LazyAbortController(),
): Promise<Response> {
  if (signal === undefined) return run(joint.signal);
  return withCallerSignal(signal, (own) => {
    own.onAbort((reason) => joint.abort(reason));
    return withCallerSignals(others, run, joint);
  });
}

const owners = privateState<Request>();

/** Keeps the Request with its signal: in Node 24 one that was collected no longer passes an abort on. */
export function retainSignal(request: Request): AbortSignal {
  owners.set(request.signal, request);
  return request.signal;
}
