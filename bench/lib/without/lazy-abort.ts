/** Every branch of a call has an AbortSignal from its start. */
export class LazyAbortController extends AbortController {
  get aborted(): boolean {
    return this.signal.aborted;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  onAbort(listener: (reason: unknown) => void): void {
    onAbort(this.signal, listener);
  }
}

export type AbortSource = LazyAbortController | AbortSignal;

export function toSignal(source: AbortSource): AbortSignal {
  return source instanceof LazyAbortController ? source.signal : source;
}

export function onAbort(source: AbortSource, listener: (reason: unknown) => void): void {
  const signal = toSignal(source);
  if (signal.aborted) listener(signal.reason);
  else signal.addEventListener('abort', () => listener(signal.reason), { once: true });
}

export function childOf(parent: AbortSource): LazyAbortController {
  const child = new LazyAbortController();
  onAbort(parent, (reason) => child.abort(reason));
  return child;
}
