/** Formats the numbers, units and results that the page shows. */
import type { CallOutcome, Unit } from '../model/types.ts';

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `Infinity` is a call without a good response: its caller waits for 5 s at most. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (value === Infinity) return '> 5 s';
  return value < 999.5 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(2)} s`;
}

/** Rounded down, so that 100 % means that no call was lost. */
export function percent(share: number | undefined): string {
  if (share === undefined || Number.isNaN(share)) return '–';
  return share === 1 ? '100 %' : `${(Math.floor(share * 1_000 + 1e-9) / 10).toFixed(1)} %`;
}

export function ratio(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(2);
}

/** A setting with its unit, to three significant digits. */
export function measure(value: number, unit: Unit): string {
  const short = (n: number): string => String(Number(n.toPrecision(3)));
  switch (unit) {
    case 'ms':
      return value < 1_000 ? `${short(value)} ms` : `${short(value / 1_000)} s`;
    case 's':
      return `${short(value)} s`;
    case 'share':
      return `${short(value * 100)} %`;
    case 'times':
      return `× ${short(value)}`;
    case 'per second':
      return `${short(value)} /s`;
    default:
      return short(value);
  }
}

/** The label that is placed behind an input field. */
export const unitLabels: Readonly<Record<Unit, string>> = {
  ms: 'ms',
  s: 's',
  share: '0–1',
  times: '×',
  count: '',
  'per second': '/s',
  none: '',
};

/** The result of a call. */
export const outcomeLabels: Readonly<Record<CallOutcome, string>> = {
  running: 'running',
  answered: 'success',
  substitute: 'substitute',
  'error status': 'error status',
  broken: 'connection lost',
  'timed out': 'timed out',
  late: 'no response in time',
  rejected: 'rejected',
  replaced: 'replaced',
  left: 'the step ended',
};

/** The result of a call with the status or the error code, such as `error status (503)`. */
export function ending(outcome: CallOutcome, label: string): string {
  const name = outcomeLabels[outcome];
  return label === outcome ? name : `${name} (${label})`;
}
