/** A policy document in environment variables: as a whole, or one option each. */
import { invalid, knownKeys, ownOptions } from '../../src/core/options.ts';
import { schemas, type OptionSchema, type SchemaName } from '../../src/policy/schemas.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { reporting } from './looks.ts';

/**
 * The options of `env()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#environment-variables
 */
export interface EnvOptions {
  /** The variables. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A place in the document that a variable sets. Without an option it is a whole policy. */
interface Place {
  readonly path: readonly string[];
  readonly schema?: OptionSchema;
}

type Members = Record<string, unknown>;

/** The order of the stack in docs/onion.md, for policies that no other document has placed. */
const order =
  'observe log metrics fallback staleIfError maxBody timeout latest dedupe idempotency retry breaker limit race hedge endpoints trace chaos';

/**
 * The policy document in environment variables. `KYOA_POLICY` is a whole document. Any other variable sets one option, which is
 * named in upper case, or one policy: `KYOA_RETRY_RETRIES=2`, `KYOA_TIMEOUT_TOTAL=30000`, `KYOA_HEDGE=false`. A value is JSON,
 * or else text. An empty variable is none, and without variables there is no document. They are read once, when the watch
 * begins. A name that no option has is a failure, which names the nearest option.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { env, file } from 'kyoa/policy/sources';
 *
 * const live = policy([file('policy.json'), env('SHOP_')]); // SHOP_RETRY_RETRIES=2
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#environment-variables
 */
export function env(prefix = 'KYOA_', options: EnvOptions = {}): PolicySource {
  if (typeof prefix !== 'string' || prefix === '') throw invalid('env prefix', prefix, "a text such as 'KYOA_'");
  const { env: variables = globalThis.process?.env ?? {} } = knownKeys('env', options, ['env']);
  const name = `env ${prefix}`;
  return {
    name,
    watch(sink, signal) {
      const report = reporting(name, sink, signal);
      try {
        const text = documentOf(prefix, variables);
        if (text === undefined) report.absent();
        else report.document(text);
      } catch (error) {
        report.failed(error);
      }
    },
  };
}

function documentOf(prefix: string, variables: Readonly<Record<string, string | undefined>>): string | undefined {
  const given = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[0].startsWith(prefix) && !!entry[1],
  );
  const whole = given.find(([name]) => name === `${prefix}POLICY`)?.[1];
  const single = given.filter(([name]) => name !== `${prefix}POLICY`);
  if (single.length === 0) return whole;

  const base = whole === undefined ? {} : value(whole);
  if (!isMembers(base)) return whole; // it is refused as it is
  const places = new Map(placesOf(prefix));
  const policies: Members = {};
  for (const [name, text] of single.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const place = places.get(name);
    if (place === undefined) throw unknown(name, [...places.keys()]);
    const isText = place.schema?.kind === 'text' || place.schema?.kind === 'choice';
    put(policies, place.path, isText ? text : value(text));
  }
  return JSON.stringify({ ...base, use: merged(Array.isArray(base['use']) ? base['use'] : [], policies) });
}

/** The entries of a document with the options of the variables in them; the policies that it does not have come last. */
function merged(use: readonly unknown[], policies: Members): unknown[] {
  const rest = new Map(
    order.split(' ').flatMap((name) => (name in policies ? [[name, policies[name]]] : [])) as [string, unknown][],
  );
  const entries = use.map((entry) => {
    const [name, ...more] = isMembers(entry) ? Object.keys(entry) : [];
    if (name === undefined || more.length > 0 || !rest.has(name)) return entry;
    const [under, over] = [(entry as Members)[name], rest.get(name)];
    rest.delete(name);
    return { [name]: isMembers(under) && isMembers(over) ? deepMerged(under, over) : over };
  });
  return [...entries, ...Array.from(rest, ([name, options]) => ({ [name]: options }))];
}

function deepMerged(under: Members, over: Members): Members {
  const result = { ...under };
  for (const [name, one] of Object.entries(over)) {
    const below = result[name];
    result[name] = isMembers(below) && isMembers(one) ? deepMerged(below, one) : one;
  }
  return result;
}

/** The more specific variable counts: `KYOA_HEDGE_RATIO` over `KYOA_HEDGE=false`. */
function put(target: Members, [name, ...inner]: readonly string[], setting: unknown): void {
  if (inner.length === 0) return void (target[name!] = setting);
  const below = target[name!];
  const members = isMembers(below) ? below : {};
  target[name!] = members;
  put(members, inner, setting);
}

/** Every variable that there may be, and what it sets. */
export function* placesOf(prefix: string): Generator<[name: string, place: Place]> {
  for (const policy of Object.keys(schemas) as SchemaName[]) {
    if (!(ownOptions as readonly string[]).includes(policy)) continue; // what is only an option of policies
    yield [prefix + upper(policy), { path: [policy] }];
    yield* optionsOf(prefix + upper(policy), [policy], schemas[policy].options);
  }
}

function* optionsOf(
  start: string,
  path: readonly string[],
  options: Readonly<Record<string, OptionSchema>>,
): Generator<[string, Place]> {
  for (const [option, schema] of Object.entries(options)) {
    if (schema.kind === 'function') continue;
    const name = `${start}_${upper(option)}`;
    const place = [...path, option];
    yield [name, { path: place, schema }];
    const inner = schema.options ?? (schema.kind === 'other' ? schemas[option as SchemaName]?.options : undefined);
    if (inner) yield* optionsOf(name, place, inner);
  }
}

function upper(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase();
}

function value(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(name: string, known: readonly string[]): Error {
  const [nearest] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return new Error(
    `${name} names no option of a policy; the nearest is ${nearest}. Rename it, or choose another prefix`,
  );
}

/** How many letters differ (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
