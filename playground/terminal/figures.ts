/** Formats the figures of the terminal. */

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `Infinity` is a call that was lost: its caller waits for 5 s at most. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '–';
  if (value === Infinity) return '> 5 s';
  return value < 999.5 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(2)} s`;
}

/** Rounded down, so that 100.0 % means that no call was lost. */
export function share(part: number, whole: number): string {
  return whole === 0 ? '–' : `${tenths(part, whole).toFixed(1)} %`;
}

/** The complement of `share`: the two always add up to 100.0 %. */
export function rest(part: number, whole: number): string {
  return whole === 0 ? '–' : `${(100 - tenths(part, whole)).toFixed(1)} %`;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}

function tenths(part: number, whole: number): number {
  return Math.floor((part * 1_000) / whole) / 10;
}
