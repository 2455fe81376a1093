/** When the last calls started: a sliding window that is exact, at the price of a number for each of them. */

export interface SlidingWindowLog {
  add(): void;
  /** ms until one more may start after `ahead` others that go first. */
  delay(ahead?: number): number;
  /** Starts within the window. */
  readonly recent: number;
}

/** Never more than `most` in any `window` ms: one may start when the start `most` before it is that old. */
export function slidingWindowLog(most: number, window: number): SlidingWindowLog {
  const starts: number[] = []; // a ring, once it is full
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
      const turn = ahead % most;
      if (turn < free) return rounds;
      const before = starts[(oldest + turn - free) % most]!;
      return Math.max(0, before + window - performance.now()) + rounds;
    },
    get recent() {
      const now = performance.now();
      return starts.filter((start) => start + window > now).length;
    },
  };
}
