/** A limit of the requests that run at the same time, learned from their latency. */
export interface ConcurrencyBounds {
  /** The limit is never lower. */
  readonly min: number;
  /** The limit is never higher. */
  readonly max: number;
  /** The latency that is a sign of overload, as a multiple of the latency without a queue. */
  readonly tolerance: number;
}

export interface AdaptiveConcurrency {
  /** A whole number. */
  readonly limit: number;
  /** The latency without a queue, ms, as far as it is known. */
  readonly latency: number | undefined;
  /** Records the latency of a response that came while `running` requests were running. A failure may be quick. */
  record(latency: number, running: number, isGood: boolean): void;
  /** Records that the limit has refused a request. */
  refuse(): void;
}

const firstLimit = 20;
/** A round of fewer samples varies too much: lognormal latencies (sigma 0.5) by 8 % with 40. */
const fewestSamples = 40;
/** Rounds between two probes, and the fewest before one that a much lower limit demands: the server may have become slower. */
const [probeInterval, earliestProbe] = [100, 2];

/**
 * Additive increase, multiplicative decrease on latency. A round is as many responses as the limit. Up to `tolerance` times
 * the latency without a queue, the limit grows by its square root, if it was used. Above, it shrinks by the ratio of the two.
 *
 * The latency without a queue is that of rounds with light load. A server that refuses requests has no such rounds: from
 * time to time a round is a probe, with a limit that leaves no queue. If a probe shows that there was one, another follows.
 *
 * @see https://github.com/Netflix/concurrency-limits (Gradient2Limit: the ratio, the square root, 1.5 and 20 are its
 * numbers), and the adaptive concurrency filter of Envoy (the probe)
 */
export function adaptiveConcurrency({ min, max, tolerance }: ConcurrencyBounds): AdaptiveConcurrency {
  let limit = Math.min(Math.max(firstLimit, min), max);
  let baseline: number | undefined;
  /** The limit with which it was measured. */
  let knownAt = limit;
  let round = { samples: 0, sum: 0, mostRunning: 0 };
  let rounds = 0;
  let hasRefused = false;
  /** The limit before the probe that runs now. */
  let beforeProbe: number | undefined;
  let afterProbe = limit;
  /** Responses that are left out, because their requests were in the queue before the probe. */
  let skipped = 0;

  /** Whether the limit is as low as that of a probe by now. */
  const isReduced = (): boolean => limit < 0.4 * afterProbe;
  const startProbe = (): void => {
    beforeProbe = limit;
    skipped = limit;
    if (!isReduced()) limit = Math.max(min, limit / (2 * tolerance));
    rounds = 0;
  };
  const endProbe = (latency: number, known: number, before: number): void => {
    const hadQueue = latency < 0.8 * known;
    // With a queue in the probe as well, the latency has fallen with the limit.
    const hasQueue = hadQueue && latency < (1.6 * known * limit) / knownAt;
    knownAt = limit;
    const isSlower = latency > tolerance * known;
    baseline = hadQueue || isSlower ? latency : Math.sqrt(known * latency);
    // What has shrunk the limit of a server that has become slower was no queue.
    afterProbe = limit = hadQueue ? limit * tolerance : isSlower ? afterProbe : before;
    beforeProbe = undefined;
    if (hasQueue && limit > min) startProbe();
  };
  const endRound = (latency: number, mostRunning: number): void => {
    rounds += 1;
    if (baseline === undefined) {
      baseline = latency;
      rounds = probeInterval; // the first round may have a queue
    } else if (beforeProbe !== undefined) return endProbe(latency, baseline, beforeProbe);
    const isUsed = 2 * mostRunning >= limit;
    const ratio = (tolerance * baseline) / latency;
    if (ratio < 1) limit = Math.max(min, limit * Math.max(0.5, ratio));
    else if (isUsed) limit = Math.min(max, limit + Math.sqrt(limit));
    if (!isUsed) baseline *= (latency / baseline) ** 0.1;
    const isDue = rounds >= (isReduced() ? earliestProbe : probeInterval);
    if (hasRefused && isDue) startProbe();
    hasRefused = false;
  };

  return {
    get limit() {
      return Math.floor(limit);
    },
    get latency() {
      return baseline;
    },
    record(latency, running, isGood) {
      if ((skipped -= 1) > 0 || (!isGood && latency < tolerance * (baseline ?? Infinity))) return;
      round.samples += 1;
      // One request that waits on purpose, as a long poll does, is not a slow server.
      round.sum += Math.min(latency, 10 * (baseline ?? Infinity));
      round.mostRunning = Math.max(round.mostRunning, running);
      if (round.samples < Math.max(fewestSamples, limit)) return;
      const { samples, sum, mostRunning } = round;
      round = { samples: 0, sum: 0, mostRunning: 0 };
      endRound(Math.max(0.01, sum / samples), mostRunning);
    },
    refuse() {
      hasRefused = true;
    },
  };
}
