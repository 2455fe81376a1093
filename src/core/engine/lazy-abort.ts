/**
 * A branch of a call, which can be aborted with everything under it. An AbortSignal, its listeners and what they keep
 * for the collector cost as much as a small policy, so a branch has none until somebody asks for it: of all branches of
 * a call that is often the transport alone.
 */
export class LazyAbortController {
  aborted = false;
  reason: unknown;
  #controller: AbortController | undefined;
  #followers: Followers | undefined;
  #last: Followers | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
    for (let at = this.#followers; at !== undefined; at = at.next) at.follow(reason);
  }

  /** Runs once, at the abort; at once if that has been. Stays as long as the branch does. */
  onAbort(follow: (reason: unknown) => void): void {
    if (this.aborted) return follow(this.reason);
    const last: Followers = { follow, next: undefined };
    if (this.#last === undefined) this.#followers = last;
    else this.#last.next = last;
    this.#last = last;
  }
}

/** Linked, because there are one or two, and an array makes room for seventeen. */
interface Followers {
  readonly follow: (reason: unknown) => void;
  next: Followers | undefined;
}

/** What ends a branch of a call: one of ours, or a signal of somebody else’s. */
export type AbortSource = LazyAbortController | AbortSignal;

/** For who needs a signal. */
export function toSignal(source: AbortSource): AbortSignal {
  return source instanceof LazyAbortController ? source.signal : source;
}

/** As `Branch.onAbort`, for either. */
export function onAbort(source: AbortSource, follow: (reason: unknown) => void): void {
  if (source instanceof LazyAbortController) source.onAbort(follow);
  else if (source.aborted) follow(source.reason);
  else source.addEventListener('abort', () => follow(source.reason), { once: true });
}
