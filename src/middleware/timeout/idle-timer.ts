/** Limits the server's silence while a body is read. The clock runs only while the reader waits for a chunk. */
import { afterRest, LimitTimer } from '../../core/engine/timers.ts';
import type { BodyWatcher } from '../../lib/body/watch.ts';
import type { Measurement } from './adaptive.ts';

/** A wait under a limit. One under a limit in ms is not measured. */
export type Wait = Pick<Measurement, 'limit'> & Partial<Measurement>;

export interface IdleTimerOptions {
  /** One silence after another is measured by it. */
  readonly silence: Wait;
  /** Whether a chunk ends the silence. Every chunk does if this is absent. */
  readonly isProgress?: ((chunk: Uint8Array) => boolean) | undefined;
  readonly onExpired: () => void;
}

export function idleTimer({
  silence,
  isProgress,
  onExpired,
}: IdleTimerOptions): Required<Pick<BodyWatcher, 'wait' | 'chunk' | 'end'>> {
  let timer: LimitTimer | undefined;
  let waitingSince = 0;
  /** ms of this silence, up to the last chunk that did not end it. */
  let silent = 0;
  return {
    wait() {
      waitingSince = performance.now();
      timer?.cancel();
      timer = new LimitTimer(silence.limit - silent, (rest) => afterRest(rest, onExpired));
    },
    chunk(bytes) {
      timer?.cancel();
      silent += performance.now() - waitingSince;
      if (isProgress !== undefined && !isProgress(bytes)) return;
      silence.finished?.(silent);
      silent = 0;
    },
    end: () => timer?.cancel(),
  };
}
