/** The presets: named settings of the network. */
import { change, settingError } from './settings.ts';
import type { Patch, Settings } from './settings.ts';

export interface Preset {
  readonly about: string;
  readonly settings: Settings;
  /** When a run of `npm start` has an outage. Without a span, the outage switch does not change during the run. */
  readonly outage?: Span;
}

/** Shares of the length of a run. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** The maximum length, ms: a share that is a short outage in a short run would be a long one in a long run. */
  readonly longest?: number;
}

const calm: Settings = {
  seed: 1,
  latency: { median: 20, sigma: 0.4, slow: { share: 0, factor: 1 } },
  errors: { rate: 0, statuses: [503], retryAfter: 0 },
  resets: 0,
  stalls: 0,
  cuts: 0,
  drip: { share: 0, gap: 100 },
  capacity: 0,
  calls: { hot: 0, items: 5 },
  storable: false,
  outage: false,
  regions: {
    eu: { outage: false, slower: 1, errors: 0 },
    us: { outage: false, slower: 1, errors: 0 },
    ap: { outage: false, slower: 1, errors: 0 },
  },
};

export const presets: Readonly<Record<string, Preset>> = {
  steady: preset('no faults', {}),
  'slow tail': preset('no errors; one response in fifty takes forty times as long', {
    latency: { sigma: 0.6, slow: { share: 0.02, factor: 40 } },
  }),
  flaky: preset(
    'a long tail, 4 % errors, 2 % resets, a few stalls and a short outage',
    {
      latency: { sigma: 0.6, slow: { share: 0.012, factor: 30 } },
      errors: { rate: 0.04 },
      resets: 0.02,
      stalls: 0.004,
    },
    { from: 0.6, to: 0.625, longest: 300 },
  ),
  'brown-out': preset('overloaded: slow, and one response in five is an error', {
    latency: { median: 120, sigma: 0.8, slow: { share: 0.05, factor: 10 } },
    errors: { rate: 0.2, statuses: [500, 502, 503, 504] },
    resets: 0.02,
    stalls: 0.01,
  }),
  outage: preset('every connection is reset for a while', { outage: true }, { from: 0.3, to: 0.6 }),
  'one dead region': preset('eu is down, the region of requests that name no region', {
    regions: { eu: { outage: true } },
  }),
  'slow drip': preset('three bodies in ten arrive piece by piece', { drip: { share: 0.3, gap: 60 } }),
  'broken bodies': preset('three bodies in ten break on their way, and all arrive piece by piece', {
    cuts: 0.3,
    drip: { share: 1, gap: 30 },
  }),
  'rate-limited': preset('one response in eight is a 429 with Retry-After: 1', {
    errors: { rate: 0.125, statuses: [429], retryAfter: 1 },
  }),
};

/** Finds a preset by name. A hyphen may replace a blank, so that a shell needs no quotes and a link no escapes. */
export function findPreset(spelling: string): Preset | undefined {
  const name = presetName(spelling);
  return name === undefined ? undefined : presets[name];
}

export function presetName(spelling: string): string | undefined {
  return [spelling, spelling.replaceAll('-', ' ')].find((name) => Object.hasOwn(presets, name));
}

/**
 * The settings after a change, which is a patch of the current settings, a `{ preset }`, or a preset with a patch over
 * it. A preset keeps the current seed.
 */
export function grant(current: Settings, wanted: unknown): Settings {
  if (typeof wanted !== 'object' || wanted === null || !('preset' in wanted)) return change(current, wanted);

  const { preset: name, ...patch } = wanted;
  const found = findPreset(String(name));
  if (!found) throw settingError('preset', `must be one of ${Object.keys(presets).join(', ')}`, name);
  return change({ ...found.settings, seed: current.seed }, patch);
}

function preset(about: string, patch: Patch, outage?: Span): Preset {
  const settings = change(calm, patch);
  return outage ? { about, settings, outage } : { about, settings };
}
