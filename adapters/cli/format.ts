/** Figures in few digits, for people. */

/** `1.24 s`, `38.2 ms`, `0.31 ms`. */
export function ms(value: number): string {
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)} s`;
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** A length of time that was chosen: `60 s`, `1.5 s`, `250 ms`, `10 min`. */
export function span(value: number): string {
  if (value < 1_000) return `${Number(value.toFixed(0))} ms`;
  return value < 600_000 ? `${Number((value / 1_000).toFixed(1))} s` : `${Number((value / 60_000).toFixed(1))} min`;
}

export function percent(ratio: number): string {
  if (ratio === 0) return '0 %';
  const value = ratio * 100;
  return value < 0.01 ? '< 0.01 %' : `${value.toFixed(value < 1 ? 2 : 1)} %`;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
