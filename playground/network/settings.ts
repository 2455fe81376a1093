/** The settings of the network, and the validation of every change. */
import { complaintAbout } from './fields.ts';
import type { Region } from './regions.ts';

export interface Settings {
  /** Every lane draws its own sequence of fates from this seed. */
  readonly seed: number;
  /** A lognormal distribution. `median` is in ms; `sigma` is the standard deviation of the logarithm. */
  readonly latency: {
    readonly median: number;
    readonly sigma: number;
    /** The far tail: this share of the responses takes `factor` times as long. */
    readonly slow: { readonly share: number; readonly factor: number };
  };
  /** Error responses. Each has one of `statuses`, and a `Retry-After` of `retryAfter` seconds; 0 omits the header. */
  readonly errors: {
    readonly rate: number;
    readonly statuses: readonly number[];
    readonly retryAfter: number;
  };
  /** The share of requests whose connection is reset before the first byte of the response. */
  readonly resets: number;
  /** The share of requests that are received and never get a response. */
  readonly stalls: number;
  /** The share of bodies whose connection breaks on the way. */
  readonly cuts: number;
  /** This share of the bodies arrives in ten pieces, `gap` ms apart. */
  readonly drip: { readonly share: number; readonly gap: number };
  /** Requests that a lane may have at once; a further one gets a 503. 0 for any number. */
  readonly capacity: number;
  /** This share of the calls asks for one of so many hot items; every other call asks for an item of its own. */
  readonly calls: { readonly hot: number; readonly items: number };
  /** Whether responses may be stored. If not, they are `no-store`. */
  readonly storable: boolean;
  /** While this is `true`, every connection in every region is reset at once. */
  readonly outage: boolean;
  readonly regions: Readonly<Record<Region, RegionSettings>>;
}

/** The settings of a region, in addition to those of all regions. */
export interface RegionSettings {
  readonly outage: boolean;
  /** The factor by which the latencies of the region are multiplied. */
  readonly slower: number;
  /** The share of error responses that is added to `errors.rate`. */
  readonly errors: number;
}

/** Any part of the settings. */
export type Patch<T = Settings> = {
  readonly [K in keyof T]?: T[K] extends readonly unknown[] ? T[K] : T[K] extends object ? Patch<T[K]> : T[K];
};

/** Reports an invalid value. `field` is the path of the setting, such as `errors.rate`. */
export interface SettingError extends Error {
  readonly field: string;
}

/** The settings with `patch` merged over them. Throws a `SettingError` for an invalid value. */
export function change(settings: Settings, patch: unknown): Settings {
  return merge(settings, patch, '');
}

export function settingError(field: string, complaint: string, value?: unknown): SettingError {
  const not = value === undefined ? '' : `, not ${JSON.stringify(value)}`;
  return Object.assign(new Error(`${field} ${complaint}${not}`), { field });
}

export function isSettingError(error: unknown): error is SettingError {
  return error instanceof Error && 'field' in error;
}

function merge<T extends object>(current: T, patch: unknown, path: string): T {
  if (!isGroup(patch)) throw settingError(path || 'settings', 'must be an object', patch);

  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(patch)) {
    const field = path ? `${path}.${name}` : name;
    if (!Object.hasOwn(current, name)) throw settingError(field, 'is not a setting');
    const before: unknown = Reflect.get(current, name);
    changed[name] = isGroup(before) ? merge(before, value, field) : checked(field, value);
  }
  return Object.assign({ ...current }, changed);
}

function checked(field: string, value: unknown): unknown {
  const complaint = complaintAbout(field, value);
  if (complaint) throw settingError(field, complaint, value);
  return value;
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The settings that apply to a request to this region. */
export function settingsIn(settings: Settings, region: Region): Settings {
  const { outage, slower, errors } = settings.regions[region];
  return {
    ...settings,
    outage: settings.outage || outage,
    latency: { ...settings.latency, median: settings.latency.median * slower },
    errors: { ...settings.errors, rate: Math.min(1, settings.errors.rate + errors) },
  };
}
