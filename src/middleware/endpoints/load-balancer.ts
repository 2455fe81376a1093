/** Selects an endpoint: one that the call has not tried, in the most preferred zone, by weight or by latency. */

export interface Candidate {
  /** Above 0. */
  readonly weight: number;
  readonly zone: string | undefined;
  /** Calls whose response has not been read to its end. */
  readonly inFlight: number;
  /** The recent mean time to the headers, ms; `undefined` before the first sample. */
  readonly latency: number | undefined;
  /** When a call was last sent to it, ms on the clock of `performance.now()`. */
  readonly lastUsed: number;
}

/** The candidates that this call has tried least; among them, those in the most preferred zone. */
export function leastTriedNearest<One extends Candidate>(
  list: readonly One[],
  tries: (candidate: One) => number,
  zones: readonly string[],
): readonly One[] {
  const rank = ({ zone }: One): number => {
    const index = zone === undefined ? -1 : zones.indexOf(zone);
    return index < 0 ? zones.length : index;
  };
  return lowest(lowest(list, tries), rank);
}

export function weightedRandom<One extends Candidate>(list: readonly One[], random: () => number): One {
  let remaining = random() * list.reduce((sum, { weight }) => sum + weight, 0);
  return list.find(({ weight }) => (remaining -= weight) < 0) ?? list.at(-1)!;
}

/**
 * The better of two random candidates. If all clients chose the best of all, they would overload it together.
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

/** Finagle's decay time, ms. An old latency counts for less, so that a slow endpoint is tried again. */
const decay = 10_000;

/**
 * The expected latency of one more call, as in Finagle's peak EWMA balancer. A candidate without a latency is tried by
 * one call at a time.
 *
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala
 */
function cost({ latency, inFlight, lastUsed, weight }: Candidate): number {
  if (latency === undefined) return inFlight === 0 ? 0 : Infinity;
  return (latency * Math.exp((lastUsed - performance.now()) / decay) * (inFlight + 1)) / weight;
}

function lowest<One>(list: readonly One[], measure: (candidate: One) => number): readonly One[] {
  const measures = list.map(measure);
  const least = Math.min(...measures);
  return list.filter((_, index) => measures[index] === least);
}
