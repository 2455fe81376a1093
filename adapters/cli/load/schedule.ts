/** The arrival schedule of an open loop: when each call is due, evenly and without regard to the server. */

/** A part of the run in which the rate is constant or rises evenly. Times are in ms from the start of the run. */
export interface Phase {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  /** Calls a second at its start and at its end. */
  readonly from: number;
  readonly to: number;
  /** The warm-up is not. */
  readonly counted: boolean;
}

export interface Schedule {
  readonly phases: readonly Phase[];
  /** ms, the warm-up included. */
  readonly duration: number;
  /** When call `index` (0-based) is due; `undefined` after the last one. Half an index lies between two calls. */
  readonly due: (index: number) => number | undefined;
}

export interface Plan {
  readonly rate: number;
  readonly for: number;
  readonly peak: number;
  readonly warmup: number;
}

/** With a peak: a third of the time at the rate, a third in which it rises, a third at the peak. */
export function schedule({ rate, for: length, peak, warmup }: Plan): Schedule {
  const top = rate * peak;
  const third = length / 3;
  const parts: readonly Omit<Phase, 'start'>[] = [
    ...(warmup > 0 ? [{ name: 'warm-up', length: warmup, from: rate, to: rate, counted: false }] : []),
    ...(peak > 1
      ? [
          { name: perSecond(rate), length: third, from: rate, to: rate, counted: true },
          { name: `rising to ${perSecond(top)}`, length: third, from: rate, to: top, counted: true },
          { name: perSecond(top), length: third, from: top, to: top, counted: true },
        ]
      : [{ name: perSecond(rate), length, from: rate, to: rate, counted: true }]),
  ];

  let start = 0;
  let calls = 0; // due before the phase, with the fraction of the one that is under way
  const phases = parts.map((part) => {
    const phase = { ...part, start, before: calls };
    start += part.length;
    calls += ((part.from + part.to) / 2) * (part.length / 1_000);
    return phase;
  });
  const total = calls;

  return {
    phases,
    duration: start,
    due: (index) => {
      if (index >= total - 1e-9) return undefined;
      const phase = phases.findLast(({ before }) => before <= index) ?? phases[0]!;
      return phase.start + timeOf(index - phase.before, phase);
    },
  };
}

/** When a phase has had this many calls, in ms from its start: the inverse of the integral of its rate. */
function timeOf(calls: number, { from, to, length }: Phase): number {
  if (from === to) return (calls / from) * 1_000;
  const growth = (to - from) / (length / 1_000);
  return ((Math.sqrt(from * from + 2 * growth * calls) - from) / growth) * 1_000;
}

function perSecond(rate: number): string {
  return `${Number(rate.toFixed(2)).toLocaleString('en-US')}/s`;
}
