/** Runs a call under the signal of its caller, which may live longer than the call. */
import { privateState } from '../core/engine/private-state.ts';
import { LazyAbortController } from '../core/engine/lazy-abort.ts';
import { watchBody, type BodyWatcher } from './body/watch.ts';
import { discard } from './body/discard.ts';

/**
 * Runs a call under the signal of its caller. An abort rejects the call at once with the caller's own reason, even if the
 * transport ignores the signal, and fails a body that is being read. The caller's signal has one listener until the call
 * has ended: it has rejected, or its body was read, was cancelled, has failed or was garbage-collected unread.
 * `AbortSignal.any` would keep hundreds of bytes per call on a long-lived signal in Node 22.
 */
export function withCallerSignal(
  caller: AbortSignal,
  run: (own: LazyAbortController) => Promise<Response>,
): Promise<Response> {
  if (caller.aborted) return Promise.reject(caller.reason);
  return new Promise((resolve, reject) => new AbortableCall(caller, reject).start(run, resolve));
}

/**
 * The listener on the caller's signal. A class, because a closure would hold all variables of the function around it: the
 * functions that settle the promise of a call hold its Response, which could then never be collected unread.
 */
class AbortableCall implements EventListenerObject, BodyWatcher {
  readonly endsUnread = true;
  readonly signal: AbortSignal;
  readonly #own = new LazyAbortController();
  /** Rejects what the caller waits for: the response, and after the headers each read of the body. */
  #reject: (error: unknown) => void;

  constructor(caller: AbortSignal, reject: (error: unknown) => void) {
    this.signal = caller;
    this.#reject = reject;
    caller.addEventListener('abort', this, { once: true });
  }

  start(run: (own: LazyAbortController) => Promise<Response>, resolve: (response: Response) => void): void {
    // The promise also catches an error that `run` throws, so that the listener is removed then too.
    new Promise<Response>((begin) => begin(run(this.#own)))
      .then((response) => {
        if (this.signal.aborted) return discard(response);
        this.#reject = watchBody(response, this);
        resolve(response);
      })
      .catch((error: unknown) => {
        this.signal.removeEventListener('abort', this);
        this.#reject(error);
      });
  }

  handleEvent(): void {
    this.#own.abort(this.signal.reason);
    this.#reject(this.signal.reason);
  }

  /** The body has ended. Node's fetch keeps the connection of one that was read in part and then dropped. */
  end(complete: boolean): void {
    this.signal.removeEventListener('abort', this);
    if (!complete) this.#own.abort();
  }
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
