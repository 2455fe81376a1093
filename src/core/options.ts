/** The declaration of a policy: its options with their defaults and checks, which of them a call may override, and its mark. */
import { KyoaError, withoutUrlSecrets } from './errors.ts';

/** `false` switches a policy off for the call; `true` and absence leave it as it was configured. */
export type Override<Options> = boolean | SomeOptions<Options>;
type SomeOptions<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/**
 * An option: its check and its default. Without a default it is required; with the default `undefined` it may be absent.
 * The third element is passed to the check: the choices of `oneOf`, the shape of `object`, the check of a plain value, or of
 * the results of a function.
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
export type Settings<Options, Absent extends keyof Options = never> = {
  readonly [Name in Exclude<keyof Options, Absent>]-?: Exclude<Options[Name], undefined>;
} & Pick<Options, Absent>;

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
      const given = scalar && typeof override !== 'object' ? { [scalar]: override } : override; // a text is no number
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
    const isDefault = value === fallback && typeof value === 'function';
    if (isDefault) settings[member] = value;
    else if (value !== undefined || option.length === 1)
      settings[member] = check(`${name} ${member}`, value as never, parameter as never);
  }
  return settings as Settings;
}

/** Without the members that are `undefined`: they leave what is under them as it is, as absent ones do. */
export function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

export function objectOrFalse<Settings>(name: string, given: unknown, shape: Shape<Settings>): Settings | false {
  return given === false ? given : object(name, given, shape);
}

type Given = Readonly<Record<string, unknown>>;

/** The options of a call that are kyoa's own: any other one is an option of a user's middleware, or of the transport. */
export const ownOptions = [
  'requestId',
  'background',
  'auth',
  'sign',
  'timeout',
  'resume',
  'retry',
  'hedge',
  'race',
  'dedupe',
  'idempotency',
  'outbox',
  'breaker',
  'limit',
  'shed',
  'deadline',
  'latest',
  'endpoints',
  'maxBody',
  'chaos',
  'staleIfError',
  'fallback',
  'observe',
  'log',
  'trace',
  'metrics',
  'opentelemetry',
  'prometheus',
] as const;

/** Whether a policy of kyoa has this name. */
export function isPolicyName(name: string): boolean {
  return name !== 'requestId' && name !== 'background' && (ownOptions as readonly string[]).includes(name);
}

/** What is known of a policy of kyoa. */
interface Mark {
  /** The options that it was created with. */
  readonly given: unknown;
  /** Whether it adds the identity of a user to a request. */
  readonly addsIdentity: boolean;
}

/** By policy. */
const marks = new WeakMap<object, Mark>();

/**
 * Marks a middleware as a policy of kyoa, with the options that were given: what it adds to a request does not tell callers apart. A name would not do,
 * because a user's function may have it and a minifier changes it. `adds`: of one that does tell them apart.
 */
export function asPolicy<Policy extends object>(given: unknown, middleware: Policy, adds?: 'identity'): Policy {
  marks.set(middleware, { given, addsIdentity: adds === 'identity' });
  return middleware;
}

/** `undefined` for other middleware. */
export function markOf(middleware: object): Mark | undefined {
  return marks.get(middleware);
}

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

/** With `result`, each result of the function is checked, too. */
export function fn<F extends (...args: never[]) => unknown>(name: string, value: F, result?: Check<unknown>): F {
  if (typeof value !== 'function') throw invalid(name, value, 'a function');
  if (result === undefined) return value;
  const checked = (...args: never[]): unknown =>
    result(`the result of ${name}`, value(...args) as never, undefined as never);
  return Object.assign(checked, value);
}

/** Notes by which call an option was made, so that JSON has that call in place of the functions in it. */
export function madeBy<T extends object>(name: string, args: unknown, made: T): T {
  return Object.assign(made, { toJSON: () => ({ [name]: args }) });
}

/** A function that returns a key, or `undefined` for none. */
export function keyFn<F extends (...args: never[]) => string | undefined>(name: string, value: F): F {
  return fn(name, value, (name, key: unknown) => (key === undefined ? key : text(name, key)));
}

/** Any number: what a function returns for a priority. */
export function number(name: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw invalid(name, value, 'a number');
}

const verbs = ['get', 'set', 'delete', 'close'] as const;

export function storage<S>(name: string, value: S): S {
  const given = value as Given | null | undefined;
  if (verbs.every((verb) => typeof given?.[verb] === 'function')) return value;
  throw invalid(name, value, `a storage, such as memory() or indexeddb('shop'): an object with ${verbs.join(', ')}`);
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

/** The name of a header field (RFC 9110 §5.6.2). */
export function headerName(name: string, value: string): string {
  if (typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)) return value;
  throw invalid(name, value, 'a header name');
}

/** Refuses members that the policy does not have: a misspelt option must not be a silent default. */
export function knownKeys<T extends object>(
  name: string,
  value: T,
  members: readonly string[],
  expected = `an object with any of ${members.join(', ')}`,
): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, value, expected);
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

/** A value in a message: 200 characters at most, without what may be secret in a URL and in the members of an object. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return String(value);
  try {
    const shown = withoutUrlSecrets(JSON.stringify(value, withoutMemberText) ?? typeof value);
    return shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** The value itself has the name '', and those of a list have numbers. */
function withoutMemberText(name: string, value: unknown): unknown {
  return typeof value === 'string' && /\D/.test(name) ? '…' : value;
}
