/** The declaration of a policy's options: their names, defaults and checks, and which of them a call may override. */
import { KyoaError } from './errors.ts';

/** `false` switches a policy off for the call; `true` and absence leave it as it was configured. */
export type Override<Options> = boolean | Partial<Options>;

/**
 * An option: its check and its default. Without a default it is required; with the default `undefined` it may be absent.
 * The third element is passed to the check: the choices of `oneOf`, the shape of `object`, or the check of a plain value.
 */
export type Option<Setting> = readonly [
  check: Check<Setting>,
  fallback?: Setting | Record<string, never> | undefined,
  parameter?: unknown,
];

/** Options by name. A shape is a literal, so that a bundler drops the shapes of policies that are not imported. */
export type Shape<Settings> = { readonly [Name in keyof Settings]-?: Option<Settings[Name]> };

/** Returns the setting, or throws an `INVALID_OPTION` that names the option and its value. */
type Check<Setting> = (name: string, value: never, parameter: never) => Setting;

/** The settings that `parse` makes of `Options`: every option has a value, except those named in `Absent`. */
export type Settings<Options, Absent extends keyof Options = never> = Required<Omit<Options, Absent>> &
  Pick<Options, Absent>;

interface CallRules<Name extends string = string> {
  /** The option that a number sets in an override: `retry: 2` is `retry: { retries: 2 }`. */
  readonly scalar?: Name;
  /** The options that a call may override; without it, all. The others belong to state that calls share. */
  readonly perCall?: readonly Name[];
}

/** The options of one policy: their names, checks and defaults, and what a call may override. */
export interface PolicyOptions<Settings> extends CallRules {
  readonly shape: Shape<Settings>;
  parse(given: unknown): Settings;
  /** The settings for one call: the policy's own under the call's override, or `undefined` when `false` switches it off. */
  forCall(ctx: { readonly options: Given }, own: Settings): Settings | undefined;
}

export function policyOptions<Settings extends object>(
  name: string,
  shape: Shape<NoInfer<Settings>>,
  rules: CallRules<keyof Settings & string> = {},
): PolicyOptions<Settings> {
  return {
    ...rules,
    shape,
    parse: (given) => object(name, given, shape),
    forCall({ options }, own) {
      const override = options[name];
      if (override === undefined || override === true) return own;
      if (override === false) return undefined;
      const { scalar, perCall } = rules;
      const given = scalar && typeof override === 'number' ? { [scalar]: override } : override;
      return object(name, given, shape, own, perCall);
    },
  };
}

/** Checks the options of an object, and fills in the defaults; or, for a call, the settings of its policy. */
export function object<Settings>(
  name: string,
  given: unknown,
  shape: Shape<Settings>,
  own?: Settings,
  perCall?: readonly string[],
): Settings {
  const options = given as Given;
  const settings = { ...own } as Record<string, unknown>;
  knownKeys(perCall ? `${name} (per call)` : name, options, perCall ?? Object.keys(shape));
  for (const member of Object.keys(own ? options : shape)) {
    const option = shape[member as keyof Settings];
    const [check, fallback, parameter] = option;
    // What takes the place of an absent option does so for `null`, too, which JSON and storages have for it.
    const value = options[member] ?? settings[member] ?? fallback ?? options[member];
    if (value !== undefined || option.length === 1)
      settings[member] = check(`${name} ${member}`, value as never, parameter as never);
  }
  return settings as Settings;
}

export function objectOrFalse<Settings>(name: string, given: unknown, shape: Shape<Settings>): Settings | false {
  return given === false ? given : object(name, given, shape);
}

type Given = Readonly<Record<string, unknown>>;

/** A limit or a pause in ms, above 0; `Infinity`, and all that a platform's timer cannot hold, means never. */
export function duration(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value;
  throw invalid(name, value, 'a number of milliseconds above 0');
}

/** As `duration`, but 0 is allowed and means at once, or none. */
export function delay(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw invalid(name, value, 'a number of milliseconds, 0 or more');
}

/** A whole number of at least `least`; `Infinity` is one. */
export function count(name: string, value: unknown, least = 0): number {
  if (typeof value === 'number' && value >= least && (Number.isInteger(value) || value === Infinity)) return value;
  throw invalid(name, value, `a whole number of ${least} or more`);
}

export function positive(name: string, value: unknown): number {
  return count(name, value, 1);
}

export function ratio(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw invalid(name, value, 'a number from 0 to 1');
}

export function fn<F extends (...args: never[]) => unknown>(name: string, value: F): F {
  if (typeof value === 'function') return value;
  throw invalid(name, value, 'a function');
}

export function array<T>(name: string, value: readonly T[]): readonly T[] {
  if (Array.isArray(value)) return value;
  throw invalid(name, value, 'a list');
}

export function oneOf<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw invalid(name, value, choices.map((choice) => `'${choice}'`).join(' or '));
}

/** Names of methods, in upper case. */
export function methods(name: string, value: readonly string[]): readonly string[] {
  return array(name, value).map((method) => method.toUpperCase());
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(name, value, 'true or false');
}

export function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalid(name, value, 'a string');
}

/** An object with methods, such as a storage: what calls them checks them. */
export function unchecked<T>(_name: string, value: T): T {
  return value;
}

/** Refuses members that the policy does not have: a misspelt option must not be a silent default. */
export function knownKeys<T extends object>(name: string, value: T, members: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(name, value, `an object with any of ${members.join(', ')}`);
  }
  for (const member of Object.keys(value)) {
    if (!members.includes(member)) {
      throw new KyoaError('INVALID_OPTION', `${name} has no option ${member}; it has ${members.join(', ')}`);
    }
  }
  return value;
}

export function invalid(name: string, value: unknown, expected: string): KyoaError {
  return new KyoaError('INVALID_OPTION', `${name} must be ${expected}, got ${show(value)}`);
}

/** A value in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return Object.prototype.toString.call(value);
  }
}
