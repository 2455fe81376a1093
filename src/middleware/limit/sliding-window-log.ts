/** An exact rate limit: it stores the time of every start within the window. */

export interface SlidingWindowLog {
  add(): void;
  /** ms until a call may start if `ahead` other calls start first. */
  delay(ahead?: number): number;
  /** Starts within the window. */
  readonly recent: number;
}

/**
 * Allows no more than `most` starts in any `window` ms: a call may start as soon as the start `most` places before it
 * has left the window.
 */
export function slidingWindowLog(most: number, window: number): SlidingWindowLog {
  const starts: number[] = []; // a ring buffer as soon as it is full
  let oldest = 0;

  return {
    add() {
      if (starts.length < most) starts.push(performance.now());
      else {
        starts[oldest] = performance.now();
        oldest = (oldest + 1) % most;
      }
    },
    delay(ahead = 0) {
      const rounds = Math.floor(ahead / most) * window || 0; // 0 times Infinity is not a number
      const free = most - starts.length;
      const position = ahead % most;
      if (position < free) return rounds;
      const earlier = starts[(oldest + position - free) % most]!;
      return Math.max(0, earlier + window - performance.now()) + rounds;
    },
    get recent() {
      const now = performance.now();
      return starts.filter((start) => start + window > now).length;
    },
  };
}
