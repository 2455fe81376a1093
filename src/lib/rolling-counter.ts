/** Counts what happened within a sliding window, in constant memory: the oldest tenth of the window is dropped at a time. */

export interface RollingCounter {
  /** Adds to the count; a negative number subtracts. */
  add(count?: number): void;
  /** The sum of what was added within the window. */
  readonly total: number;
  /** ms until the oldest slice leaves the window. */
  readonly untilNextSlice: number;
  clear(): void;
}

/** Finagle counts its windows in ten slices. */
const slices = 10;

/** The total covers between nine tenths of `window`, ms, and all of it. */
export function rollingCounter(window: number): RollingCounter {
  const width = window / slices;
  const counts = new Float64Array(slices);
  let current = 0;

  /** The slice of the present moment; slices that have left the window are emptied first. */
  const slice = (): number => {
    const now = Math.floor(performance.now() / width);
    for (let next = Math.max(current, now - slices) + 1; next <= now; next += 1) counts[next % slices] = 0;
    current = Math.max(current, now);
    return current % slices;
  };

  return {
    add(count = 1) {
      counts[slice()]! += count;
    },
    get total() {
      slice();
      return counts.reduce((sum, part) => sum + part, 0);
    },
    get untilNextSlice() {
      return width - (performance.now() % width);
    },
    clear: () => void counts.fill(0),
  };
}
