/** An exact rate limit: it stores the time and the cost of every start within the window. */
import type { Start, Starts } from '../../core/shared-limits.ts';

interface Entry extends Start {
  readonly time: number;
}

/**
 * Allows starts that cost no more than `most` together in any `window` ms. A start of a higher cost, and one that has
 * turned out to cost more, delays the later ones until its cost has left the window.
 */
export function slidingWindowLog(most: number, window: number): Starts {
  let entries: Entry[] = [];
  /** Entries before this one have left the window. They are deleted together, because `shift` moves all others. */
  let first = 0;
  let used = 0;

  const forget = (now: number): void => {
    for (; first < entries.length && entries[first]!.time + window <= now; first += 1) used -= entries[first]!.cost;
    if (first === entries.length) used = 0; // sums of fractions are not exact
    if (2 * first <= entries.length) return;
    entries = entries.slice(first);
    first = 0;
  };

  return {
    add(cost) {
      const start = { time: performance.now(), cost };
      entries.push(start);
      used += cost;
      return start;
    },
    correct(start, cost) {
      if (entries.indexOf(start as Entry, first) >= 0) used += cost - start.cost;
      start.cost = cost;
    },
    delay(cost, ahead) {
      const now = performance.now();
      forget(now);
      // A cost above `most` counts as `most`. What fills whole windows waits for them, the rest for the present starts.
      const total = ahead + Math.min(cost, most);
      const rounds = Math.max(0, Math.ceil(total / most) - 1);
      const later = rounds * window || 0; // 0 times Infinity is not a number
      let missing = used + total - (rounds + 1) * most;
      for (let next = first; missing > 0 && next < entries.length; next += 1) {
        const { time, cost } = entries[next]!;
        missing -= cost;
        if (missing <= 0) return Math.max(0, time + window - now) + later;
      }
      return later;
    },
    get recent() {
      forget(performance.now());
      return used;
    },
  };
}
