/** What a network can be told about its weather, and the check that every change passes. */
import { complaintAbout } from './fields.ts';
import type { Region } from './regions.ts';

export interface Settings {
  /** Every lane draws its own stream from this seed. */
  readonly seed: number;
  /** Lognormal: half of the answers take less than `median` ms; `sigma` is the spread of their logarithm. */
  readonly latency: {
    readonly median: number;
    readonly sigma: number;
    /** The far tail: this share of the answers takes `factor` times as long. */
    readonly slow: { readonly share: number; readonly factor: number };
  };
  /** Error answers, one of `statuses` each, with a `Retry-After` of so many seconds (0: without the header). */
  readonly errors: {
    readonly rate: number;
    readonly statuses: readonly number[];
    readonly retryAfter: number;
  };
  /** The share of requests whose connection is reset before any byte of an answer. */
  readonly resets: number;
  /** The share of requests that are taken and never answered. */
  readonly stalls: number;
  /** This share of the bodies arrives in ten pieces, `gap` ms apart. */
  readonly drip: { readonly share: number; readonly gap: number };
  /** While this is on, every connection is reset at once, whatever the region. */
  readonly outage: boolean;
  readonly regions: Readonly<Record<Region, RegionWeather>>;
}

/** What a region has besides the weather of all. */
export interface RegionWeather {
  readonly outage: boolean;
  /** Its latencies, times so much. */
  readonly slower: number;
  /** The share of error answers that comes on top. */
  readonly errors: number;
}

/** Any part of the settings. */
export type Patch<T = Settings> = {
  readonly [K in keyof T]?: T[K] extends readonly unknown[] ? T[K] : T[K] extends object ? Patch<T[K]> : T[K];
};

/** A value that cannot be taken; `field` is its path, such as `errors.rate`. */
export interface SettingError extends Error {
  readonly field: string;
}

/** The settings with `patch` laid over them; throws a `SettingError` and changes nothing if a value is no good. */
export function change(settings: Settings, patch: unknown): Settings {
  return lay(settings, patch, '');
}

export function settingError(field: string, complaint: string, value?: unknown): SettingError {
  const not = value === undefined ? '' : `, not ${JSON.stringify(value)}`;
  return Object.assign(new Error(`${field} ${complaint}${not}`), { field });
}

export function isSettingError(error: unknown): error is SettingError {
  return error instanceof Error && 'field' in error;
}

function lay<T extends object>(current: T, patch: unknown, path: string): T {
  if (!isGroup(patch)) throw settingError(path || 'settings', 'must be an object', patch);

  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(patch)) {
    const field = path ? `${path}.${name}` : name;
    if (!Object.hasOwn(current, name)) throw settingError(field, 'is not a setting');
    const before: unknown = Reflect.get(current, name);
    changed[name] = isGroup(before) ? lay(before, value, field) : checked(field, value);
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

/** What a request to a region meets. */
export function weatherIn(settings: Settings, region: Region): Settings {
  const { outage, slower, errors } = settings.regions[region];
  return {
    ...settings,
    outage: settings.outage || outage,
    latency: { ...settings.latency, median: settings.latency.median * slower },
    errors: { ...settings.errors, rate: Math.min(1, settings.errors.rate + errors) },
  };
}
