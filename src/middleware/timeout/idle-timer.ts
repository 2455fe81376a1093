/** Measures the server's silence while a body is read: the clock runs only while the reader waits for a chunk. */
import type { Measurement } from './adaptive.ts';
import type { BodyWatcher } from '../../lib/body/watch.ts';
import { afterUnref, type Timer } from '../../core/engine/timers.ts';

export interface IdleTimerOptions {
  readonly wait: Measurement;
  /** Whether a chunk ends the silence. @default every chunk does */
  readonly isProgress?: ((chunk: Uint8Array) => boolean) | undefined;
  readonly onExceeded: () => void;
}

export function idleTimer({ wait, isProgress = () => true, onExceeded }: IdleTimerOptions): Required<BodyWatcher> {
  let timer: Timer;
  let waitingSince = 0;
  let silent = 0;
  return {
    wait() {
      waitingSince = performance.now();
      clearTimeout(timer);
      timer = afterUnref(wait.limit - silent, onExceeded);
    },
    chunk(bytes) {
      clearTimeout(timer);
      silent += performance.now() - waitingSince;
      if (!isProgress(bytes)) return;
      wait.answered(silent);
      silent = 0;
    },
    end: () => clearTimeout(timer),
  };
}
