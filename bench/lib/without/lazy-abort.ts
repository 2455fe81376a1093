/** Every branch of a call has an AbortSignal from its start. */
import { SignalSource, type AbortSource } from '../../../src/core/engine/lazy-abort.ts';

export { SignalSource, type AbortSource };

export class LazyAbortController extends AbortController implements AbortSource {
  get aborted(): boolean {
    return this.signal.aborted;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  onAbort(listener: (reason: unknown) => void): void {
    new SignalSource(this.signal).onAbort(listener);
  }
}

export class NeverAborted extends LazyAbortController {}

export function childOf(parent: AbortSource): LazyAbortController {
  const child = new LazyAbortController();
  parent.onAbort((reason) => child.abort(reason));
  return child;
}
