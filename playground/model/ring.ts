/** The last so many of a series, in memory that does not grow. */

export interface Ring<T> {
  /** Hands back what had to go. */
  push(value: T): T | undefined;
  /** Oldest first. */
  toArray(): T[];
}

export function ring<T>(capacity: number): Ring<T> {
  const slots: T[] = [];
  let next = 0;

  return {
    push(value) {
      const gone = slots[next];
      slots[next] = value;
      next = (next + 1) % capacity;
      return gone;
    },
    toArray: () => [...slots.slice(next), ...slots.slice(0, next)],
  };
}
