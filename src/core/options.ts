/** Validation where a policy is built, so that a slip fails at start-up and not in the middle of the night. */
import { KyoaError } from './errors.ts';

/** `false` switches a policy off for the call; `true` and absence leave it as it was configured. */
export type Override<Options> = boolean | Partial<Options>;

/** The settings of a policy for this call: its own, none (switched off), or its own with the caller's laid over. */
export function forCall<Settings, Given>(
  override: unknown,
  own: Settings,
  lay: (override: Given) => Settings,
): Settings | undefined {
  if (override === undefined || override === true) return own;
  return override === false ? undefined : lay(override as Given);
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
