/**
 * An AbortController whose signal is created when it is first read. An AbortSignal, its listeners and what they keep for
 * the garbage collector cost as much as a small policy; of all branches of a call, often only the transport reads one.
 */
export class LazyAbortController implements AbortController {
  aborted = false;
  reason: unknown;
  #controller: AbortController | undefined;
  #first: Listeners | undefined;
  #last: Listeners | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
    for (let at = this.#first; at !== undefined; at = at.next) at.listener(reason);
  }

  /** Calls `listener` once, at the abort, or now if it has aborted. The listener stays as long as the controller does. */
  onAbort(listener: (reason: unknown) => void): void {
    if (this.aborted) return listener(this.reason);
    const last: Listeners = { listener, next: undefined };
    if (this.#last === undefined) this.#first = last;
    else this.#last.next = last;
    this.#last = last;
  }
}

/** Linked: there are one or two, and V8 gives a new array room for seventeen. */
interface Listeners {
  readonly listener: (reason: unknown) => void;
  next: Listeners | undefined;
}

/** What aborts a branch of a call: a controller of ours, or a signal of the platform. */
export type AbortSource = LazyAbortController | AbortSignal;

export function toSignal(source: AbortSource): AbortSignal {
  return source instanceof LazyAbortController ? source.signal : source;
}

/** `LazyAbortController.onAbort`, for either. */
export function onAbort(source: AbortSource, listener: (reason: unknown) => void): void {
  if (source instanceof LazyAbortController) source.onAbort(listener);
  else if (source.aborted) listener(source.reason);
  else source.addEventListener('abort', () => listener(source.reason), { once: true });
}

/**
 * A controller that aborts with its parent, and whose abort does not affect the parent. It stays registered on the
 * parent, so the parent must belong to one call and never be a longer-lived signal: see `withCallerSignal`.
 */
export function childOf(parent: AbortSource): LazyAbortController {
  const child = new LazyAbortController();
  onAbort(parent, (reason) => child.abort(reason));
  return child;
}
