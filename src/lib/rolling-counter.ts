/** How many there were in the last so many ms, in constant memory: what is old goes a slice at a time. */

export interface RollingCounter {
  add(count?: number): void;
  readonly total: number;
  clear(): void;
}

/** Finagle counts its windows in ten slices. */
const slices = 10;

/** Covers between nine tenths of the window and all of it. */
export function rollingCounter(window: number): RollingCounter {
  const width = window / slices;
  const counts = new Float64Array(slices);
  let current = 0;

  const slice = (): number => {
    const now = Math.floor(performance.now() / width);
    for (let gone = Math.max(current, now - slices) + 1; gone <= now; gone += 1) counts[gone % slices] = 0;
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
    clear: () => void counts.fill(0),
  };
}
