/** What the flaky server can be told about its weather, and the check that every change passes. */

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
  /** While this is on, every connection is reset at once. */
  readonly outage: boolean;
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

type Check = (value: unknown) => string | undefined;

const checks: Readonly<Record<string, Check>> = {
  seed: whole(0, 2 ** 32 - 1),
  'latency.median': between(0, 10_000),
  'latency.sigma': between(0, 3),
  'latency.slow.share': between(0, 1),
  'latency.slow.factor': between(1, 1_000),
  'errors.rate': between(0, 1),
  'errors.statuses': statuses,
  'errors.retryAfter': whole(0, 3_600),
  resets: between(0, 1),
  stalls: between(0, 1),
  'drip.share': between(0, 1),
  'drip.gap': between(0, 10_000),
  outage: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
};

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
  const complaint = checks[field]?.(value);
  if (complaint) throw settingError(field, complaint, value);
  return value;
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function between(least: number, most: number): Check {
  return (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? undefined
      : `must be a number from ${least} to ${most}`;
}

function whole(least: number, most: number): Check {
  return (value) =>
    Number.isInteger(value) && between(least, most)(value) === undefined
      ? undefined
      : `must be a whole number from ${least} to ${most}`;
}

function statuses(value: unknown): string | undefined {
  const check = whole(400, 599);
  return Array.isArray(value) && value.length > 0 && value.every((one) => check(one) === undefined)
    ? undefined
    : 'must be a list of statuses from 400 to 599';
}
