/** The last `length` samples, in the order of arrival and sorted. */

export interface SlidingWindow {
  readonly size: number;
  add(sample: number): void;
  /** Oldest first. The array is created again only after a sample was added. */
  readonly samples: readonly number[];
  /** By nearest rank, in constant time. `undefined` while there is no sample. */
  quantile(q: number): number | undefined;
}

/** `add` finds the place of a sample by binary search, and moves at most `length` doubles to make room for it. */
export function slidingWindow(length: number): SlidingWindow {
  const ring = new Float64Array(length);
  const sorted = new Float64Array(length);
  let size = 0;
  let next = 0;
  let list: readonly number[] | undefined;

  const place = (sample: number): number => {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < sample) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const dropOldest = (): void => {
    const at = place(ring[next]!);
    sorted.copyWithin(at, at + 1, size);
    size -= 1;
  };

  return {
    get size() {
      return size;
    },
    add(sample) {
      if (size === length) dropOldest();
      const at = place(sample);
      sorted.copyWithin(at + 1, at, size);
      sorted[at] = sample;
      ring[next] = sample;
      next = (next + 1) % length;
      size += 1;
      list = undefined;
    },
    get samples() {
      const oldest = size < length ? 0 : next;
      return (list ??= Array.from({ length: size }, (_, index) => ring[(oldest + index) % length]!));
    },
    // 0.07 * 100 is 7.000000000000001, which must not be the eighth.
    quantile: (q) => (size === 0 ? undefined : sorted[Math.max(0, Math.ceil(q * size - 1e-9) - 1)]),
  };
}
