/** What one caller has seen of the lease of another one. It uses no clock of another process. */
import type { Version } from '../../core/storage.ts';

export interface LeaseWatch {
  /**
   * Notes the version that the caller sees now. Returns how long the caller has watched it, ms. Of the time since its
   * last look, at most `longestPause` counts: for the rest the process or the machine may have been frozen, perhaps
   * together with the holder. The time begins anew after twice that pause.
   */
  readonly see: (version: Version, longestPause: number) => number;
  /** Whether the holder has renewed its lease since the first look. */
  readonly renewed: () => boolean;
}

export function watchLease(): LeaseWatch {
  let first: Version | undefined;
  let seen: Version | undefined;
  let watched = 0;
  let sinceLook = stopwatch();
  return {
    see(version, longestPause) {
      const pause = sinceLook();
      sinceLook = stopwatch();
      watched = version !== seen || pause > 2 * longestPause ? 0 : watched + Math.min(pause, longestPause);
      first ??= version;
      seen = version;
      return watched;
    },
    renewed: () => seen !== first,
  };
}

/** ms since now, by both clocks: the monotonic one stops while a machine sleeps, and the other one may be set. */
function stopwatch(): () => number {
  const [time, now] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - time, performance.now() - now);
}
