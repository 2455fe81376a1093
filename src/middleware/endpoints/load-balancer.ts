/** One of several: whoever this call has not tried, in the most preferred zone, by weight or by speed. */

export interface Candidate {
  /** Above 0. */
  readonly weight: number;
  readonly zone: string | undefined;
  /** Calls that are with it at the moment. */
  readonly inFlight: number;
  /** What it took of late, ms; `undefined` when nobody knows. */
  readonly latency: number | undefined;
  /** When it was last asked, on the clock of `performance.now()`. */
  readonly lastUsed: number;
}

/** Those among whom the choice is free: tried least by this call, and of these in the most preferred zone. */
export function leastTriedNearest<One extends Candidate>(
  list: readonly One[],
  tries: (one: One) => number,
  zones: readonly string[],
): readonly One[] {
  const rank = ({ zone }: One): number => {
    const place = zone === undefined ? -1 : zones.indexOf(zone);
    return place < 0 ? zones.length : place;
  };
  return lowest(lowest(list, tries), rank);
}

export function weightedRandom<One extends Candidate>(list: readonly One[], random: () => number): One {
  let left = random() * list.reduce((sum, { weight }) => sum + weight, 0);
  return list.find(({ weight }) => (left -= weight) < 0) ?? list.at(-1)!;
}

/**
 * The better of two at random, so that clients do not all run after the same one.
 *
 * @see https://www.eecs.harvard.edu/~michaelm/postscripts/handbook2001.pdf The Power of Two Random Choices
 */
export function powerOfTwoChoices<One extends Candidate>(list: readonly One[], random: () => number): One {
  const first = Math.floor(random() * list.length);
  if (list.length === 1) return list[first]!;
  const other = Math.floor(random() * (list.length - 1));
  const [a, b] = [list[first]!, list[other < first ? other : other + 1]!];
  const [costOfA, costOfB] = [cost(a), cost(b)];
  if (costOfA === costOfB) return b.inFlight < a.inFlight ? b : a;
  return costOfB < costOfA ? b : a;
}

/** Finagle's decay time, ms: a latency counts for less the older it is, or nobody would learn that a slow one recovered. */
const decay = 10_000;

/**
 * What one more call would have to expect, as in Finagle's peak EWMA balancer. Whoever is unknown is asked, but by one
 * call at a time.
 *
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala
 */
function cost({ latency, inFlight, lastUsed, weight }: Candidate): number {
  if (latency === undefined) return inFlight === 0 ? 0 : Infinity;
  return (latency * Math.exp((lastUsed - performance.now()) / decay) * (inFlight + 1)) / weight;
}

function lowest<One>(list: readonly One[], measure: (one: One) => number): readonly One[] {
  const measures = list.map(measure);
  const least = Math.min(...measures);
  return list.filter((_, index) => measures[index] === least);
}
