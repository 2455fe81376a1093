/** What aborts a branch of a call. Its AbortSignal is created when code reads it. */

export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  readonly signal: AbortSignal;
  /** Calls `listener` once, at the abort, or now if it has aborted. The listener stays as long as the source does. */
  onAbort(listener: (reason: unknown) => void): void;
}

/**
 * An AbortController whose signal is created when it is first read. An AbortSignal, its listeners and what they keep for
 * the garbage collector cost as much as a small policy; of all branches of a call, often only the transport reads one.
 */
export class LazyAbortController implements AbortController, AbortSource {
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

/** The source of a call whose caller has no signal: nothing aborts it from outside, so a transport needs no signal. */
export class NeverAborted implements AbortSource {
  readonly aborted = false;
  readonly reason: undefined;
  #signal: AbortSignal | undefined;

  get signal(): AbortSignal {
    return (this.#signal ??= new AbortController().signal);
  }

  onAbort(): void {}
}

/** A signal of the platform. */
export class SignalSource implements AbortSource {
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  get aborted(): boolean {
    return this.signal.aborted;
  }
  get reason(): unknown {
    return this.signal.reason;
  }

  onAbort(listener: (reason: unknown) => void): void {
    const { signal } = this;
    if (signal.aborted) listener(signal.reason);
    else signal.addEventListener('abort', () => listener(signal.reason), { once: true });
  }
}

/**
 * A controller that aborts with its parent, and whose abort does not affect the parent. It stays registered on the
 * parent, so the parent must belong to one call and never be a longer-lived signal: see `withCallerSignal`.
 */
export function childOf(parent: AbortSource): LazyAbortController {
  const child = new LazyAbortController();
  parent.onAbort((reason) => child.abort(reason));
  return child;
}
