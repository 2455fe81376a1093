/** A ring buffer: keeps the last `capacity` values. */

export interface Ring<T> {
  /** Returns the value that was evicted, if any. */
  push(value: T): T | undefined;
  /** Oldest first. */
  toArray(): T[];
}

export function ring<T>(capacity: number): Ring<T> {
  const slots: T[] = [];
  let next = 0;

  return {
    push(value) {
      const evicted = slots[next];
      slots[next] = value;
      next = (next + 1) % capacity;
      return evicted;
    },
    toArray: () => [...slots.slice(next), ...slots.slice(0, next)],
  };
}
