/** The scales of a chart: where a value lies, and the values that are written beside it. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Scale {
  /** The position of a value, from 0 at the origin to 1. */
  at(value: number): number;
  readonly ticks: readonly Tick[];
}

/** From 0 to a round value that is no less than `most`. */
export function linear(most: number, label: (value: number) => string, tickCount = 4): Scale {
  const step = roundStep(most / tickCount);
  const count = Math.max(1, Math.ceil(most / step - 1e-9));
  const top = step * count;
  return {
    at: (value) => value / top,
    ticks: Array.from({ length: count + 1 }, (_, index) => ({ at: index / count, label: label(index * step) })),
  };
}

/** From `least` to `most` as they are: the ticks lie at round values between them. */
export function exact(least: number, most: number, label: (value: number) => string, tickCount = 5): Scale {
  const length = Math.max(most - least, 1e-9);
  const step = roundStep(length / tickCount);
  const values = Array.from({ length: Math.floor(length / step + 1e-9) + 1 }, (_, index) => index * step);
  return {
    at: (value) => (value - least) / length,
    ticks: values.map((value) => ({ at: value / length, label: label(value) })),
  };
}

/** Decades, from the one of `least` to the one of `most`. */
export function decades(least: number, most: number, label: (value: number) => string): Scale {
  const from = Math.floor(Math.log10(least) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(Math.log10(most) - 1e-9));
  return {
    at: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from),
    ticks: Array.from({ length: to - from + 1 }, (_, index) => ({
      at: index / (to - from),
      label: label(10 ** (from + index)),
    })),
  };
}

/** 1, 2 or 5 times a power of ten, no less than `value`. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9));
  return (factor ?? 10) * power;
}
