/** Runs a call under the signal of its caller, which may live longer than the call. */
import { privateState } from '../core/engine/private-state.ts';
import { LazyAbortController } from '../core/engine/lazy-abort.ts';
import { watchBody } from './body/watch.ts';
import { discard } from './body/discard.ts';

/**
 * Runs a call under the signal of its caller. An abort rejects the call at once with the caller's own reason, even if the
 * transport ignores the signal, and fails a body that is being read. The caller's signal has one listener until the call
 * has ended: it has rejected, or its body was read, was cancelled or has failed. `AbortSignal.any` would keep hundreds
 * of bytes per call on a long-lived signal in Node 22.
 */
export function withCallerSignal(
  caller: AbortSignal,
  run: (own: LazyAbortController) => Promise<Response>,
): Promise<Response> {
  if (caller.aborted) return Promise.reject(caller.reason);
  const own = new LazyAbortController();
  return new Promise((resolve, reject) => {
    let fail = reject;
    const abort = (): void => {
      own.abort(caller.reason);
      fail(caller.reason);
    };
    const removeListener = (): void => caller.removeEventListener('abort', abort);
    caller.addEventListener('abort', abort, { once: true });
    // The promise also catches an error that `run` throws, so that the listener is removed then too.
    new Promise<Response>((begin) => begin(run(own)))
      .then((response) => {
        if (caller.aborted) return discard(response);
        fail = watchBody(response, { end: removeListener });
        resolve(response);
      })
      .catch((error: unknown) => {
        removeListener();
        reject(error);
      });
  });
}

/** Runs a call under several signals, like `AbortSignal.any`, but with listeners that are removed when the call has ended. */
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

/** Lets the signal of a Request keep the Request alive: in Node 24 the signal of a collected Request no longer aborts. */
export function retainSignal(request: Request): AbortSignal {
  owners.set(request.signal, request);
  return request.signal;
}
