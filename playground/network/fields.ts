/** All settings of the network: label, meaning, range, and the control that sets it. */
import { regions } from './regions.ts';

export type Unit = 'ms' | 's' | 'share' | 'times' | 'count' | 'per second' | 'none';

/** One setting: a slider, a switch or a list of statuses. */
export interface SettingField {
  /** The path in the settings, such as `latency.slow.share`. */
  readonly path: string;
  /** The heading of the group. */
  readonly group: string;
  readonly label: string;
  readonly help: string;
  readonly kind: 'number' | 'switch' | 'statuses';
  /** A `share` is 0..1. */
  readonly unit: Unit;
  readonly min: number;
  readonly max: number;
  /** A step of 1 means a whole number. */
  readonly step: number;
  /** `log` for a range of several orders of magnitude. */
  readonly scale: 'linear' | 'log';
}

export const settingFields: readonly SettingField[] = [
  slider('latency.median', 'Latency', 'Median', 'ms', 0, 10_000, 'Half of the responses are faster.'),
  slider('latency.sigma', 'Latency', 'Spread', 'none', 0, 3, 'The sigma of the lognormal distribution; 0 for none.'),
  slider('latency.slow.share', 'Latency', 'Slow responses', 'share', 0, 1, 'The share of slow responses.'),
  slider('latency.slow.factor', 'Latency', 'Slow by', 'times', 1, 1_000, 'The factor by which they are slower.'),
  slider('errors.rate', 'Failures', 'Errors', 'share', 0, 1, 'The share of responses with an error status.'),
  {
    ...slider('errors.statuses', 'Failures', 'Statuses', 'none', 400, 599, 'Each error has one of these statuses.'),
    kind: 'statuses',
    step: 1,
  },
  slider('errors.retryAfter', 'Failures', 'Retry-After', 's', 0, 3_600, 'The header of error responses; 0 for none.'),
  slider('resets', 'Failures', 'Resets', 'share', 0, 1, 'Connections that are reset before the response.'),
  slider('stalls', 'Failures', 'Stalls', 'share', 0, 1, 'Requests that never get a response.'),
  slider('cuts', 'Failures', 'Broken bodies', 'share', 0, 1, 'Bodies whose connection breaks on the way.'),
  slider('drip.share', 'Failures', 'Slow bodies', 'share', 0, 1, 'Bodies that arrive in ten pieces.'),
  slider('drip.gap', 'Failures', 'Pause between pieces', 'ms', 0, 10_000, 'A slow body takes ten pauses.'),
  slider(
    'capacity',
    'Failures',
    'Capacity',
    'count',
    0,
    1_000,
    'Requests at once; a further one gets a 503. 0 for any.',
    1,
  ),
  toggle('outage', 'Failures', 'Outage', 'Every connection is reset at once.'),
  ...regions.flatMap((region) => [
    toggle(`regions.${region}.outage`, 'Regions', `${region} is down`, 'Its connections are reset at once.'),
    slider(
      `regions.${region}.slower`,
      'Regions',
      `${region} slower by`,
      'times',
      1,
      100,
      'The factor of its latencies.',
    ),
    slider(`regions.${region}.errors`, 'Regions', `${region} errors`, 'share', 0, 1, 'Its additional errors.'),
  ]),
  slider('calls.hot', 'Calls', 'Hot calls', 'share', 0, 1, 'The share of calls that ask for one of a few hot items.'),
  slider('calls.items', 'Calls', 'Hot items', 'count', 1, 100, 'The fewer there are, the more calls are identical.', 1),
  toggle('storable', 'Calls', 'May be stored', 'Otherwise the responses are no-store, and staleIfError stores none.'),
  slider(
    'seed',
    'Randomness',
    'Seed',
    'none',
    0,
    2 ** 32 - 1,
    'The same seed gives the same faults in the same order.',
    1,
  ),
];

const byPath = new Map(settingFields.map((field) => [field.path, field]));

/** Why a value is invalid; `undefined` for a valid value. */
export function complaintAbout(path: string, value: unknown): string | undefined {
  const { kind, min, max, step } = byPath.get(path)!;
  if (kind === 'switch') return typeof value === 'boolean' ? undefined : 'must be true or false';

  const fits = (one: unknown): boolean =>
    typeof one === 'number' && one >= min && one <= max && (step < 1 || Number.isInteger(one));
  if (kind === 'number') {
    return fits(value) ? undefined : `must be a ${step < 1 ? '' : 'whole '}number from ${min} to ${max}`;
  }
  return Array.isArray(value) && value.length > 0 && value.every(fits)
    ? undefined
    : `must be a list of statuses from ${min} to ${max}`;
}

function slider(
  path: string,
  group: string,
  label: string,
  unit: Unit,
  min: number,
  max: number,
  help: string,
  step = unit === 'ms' || unit === 's' ? 1 : unit === 'times' ? 0.1 : unit === 'share' ? 0.001 : 0.05,
): SettingField {
  return { path, group, label, help, kind: 'number', unit, min, max, step, scale: max > 50 ? 'log' : 'linear' };
}

function toggle(path: string, group: string, label: string, help: string): SettingField {
  return { path, group, label, help, kind: 'switch', unit: 'none', min: 0, max: 1, step: 1, scale: 'linear' };
}
