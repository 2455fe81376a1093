/** The weathers that have a name. */
import { change, settingError } from './settings.ts';
import type { Patch, Settings } from './settings.ts';

export interface Preset {
  readonly about: string;
  readonly settings: Settings;
  /** Where a run of `npm start` has an outage: outside of it the switch is off. Without one it stays as it is. */
  readonly outage?: Span;
}

/** In shares of a run's length. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** ms; what is short in a short run would be long in a long one. */
  readonly longest?: number;
}

const calm: Settings = {
  seed: 1,
  latency: { median: 20, sigma: 0.4, slow: { share: 0, factor: 1 } },
  errors: { rate: 0, statuses: [503], retryAfter: 0 },
  resets: 0,
  stalls: 0,
  drip: { share: 0, gap: 100 },
  outage: false,
  regions: {
    eu: { outage: false, slower: 1, errors: 0 },
    us: { outage: false, slower: 1, errors: 0 },
    ap: { outage: false, slower: 1, errors: 0 },
  },
};

export const presets: Readonly<Record<string, Preset>> = {
  steady: preset('nothing goes wrong', {}),
  'slow tail': preset('every answer is good, one in fifty takes forty times as long', {
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
  'brown-out': preset('overloaded: slow, and one answer in five an error', {
    latency: { median: 120, sigma: 0.8, slow: { share: 0.05, factor: 10 } },
    errors: { rate: 0.2, statuses: [500, 502, 503, 504] },
    resets: 0.02,
    stalls: 0.01,
  }),
  outage: preset('nobody answers for a while', { outage: true }, { from: 0.3, to: 0.6 }),
  'one dead region': preset('nobody answers in eu, where requests go that name no region', {
    regions: { eu: { outage: true } },
  }),
  'slow drip': preset('three bodies in ten arrive piece by piece', { drip: { share: 0.3, gap: 60 } }),
  'rate-limited': preset('one answer in eight is a 429 with Retry-After: 1', {
    errors: { rate: 0.125, statuses: [429], retryAfter: 1 },
  }),
};

/** A preset by its name; a hyphen may stand for a blank, so that a shell needs no quotes, and a link no escapes. */
export function findPreset(spelling: string): Preset | undefined {
  const name = presetName(spelling);
  return name === undefined ? undefined : presets[name];
}

export function presetName(spelling: string): string | undefined {
  return [spelling, spelling.replaceAll('-', ' ')].find((name) => Object.hasOwn(presets, name));
}

/** The settings that a wish asks for: a patch of the current ones, `{ preset }` by name, or a patch over a preset. */
export function grant(current: Settings, wish: unknown): Settings {
  if (typeof wish !== 'object' || wish === null || !('preset' in wish)) return change(current, wish);

  const { preset: name, ...patch } = wish;
  const found = findPreset(String(name));
  if (!found) throw settingError('preset', `must be one of ${Object.keys(presets).join(', ')}`, name);
  return change({ ...found.settings, seed: current.seed }, patch);
}

function preset(about: string, patch: Patch, outage?: Span): Preset {
  const settings = change(calm, patch);
  return outage ? { about, settings, outage } : { about, settings };
}
