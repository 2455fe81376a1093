/** Reproducible randomness: a seeded generator, and values of the normal distribution drawn from it. */

/** Uniform in [0, 1), like `Math.random`. */
export type Random = () => number;

/** mulberry32 by Tommy Ettinger, public domain; as listed in github.com/bryc/code, jshash/PRNGs.md. */
export function mulberry32(seed: number): Random {
  let state = seed | 0;

  return function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A standard normal value by the Box-Muller transform. It always takes two draws. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random())); // 1 - x, because x may be 0 and log(0) is infinite
  return radius * Math.cos(2 * Math.PI * random());
}
