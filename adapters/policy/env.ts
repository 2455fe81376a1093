/** A policy document in environment variables: as a whole, or one option each. */
import { invalid, knownKeys } from '../../src/core/options.ts';
import { catalogue } from '../../src/policy/catalogue.ts';
import { nearestName } from '../../src/policy/policy-error.ts';
import { schemas, type OptionSchema, type SchemaName } from '../../src/policy/schemas.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { reporting } from './polling.ts';

/**
 * The options of `env()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#environment-variables
 */
export interface EnvOptions {
  /** The variables. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** What a variable sets. Without a schema it is a whole policy, or the list of `endpoints`. */
interface Place {
  readonly path: readonly string[];
  readonly schema?: OptionSchema | undefined;
}

type Members = Record<string, unknown>;

/**
 * The policy document in environment variables. `KYOA_POLICY` is a whole document. Without it, each variable sets one option,
 * named in upper case, or one policy: `KYOA_RETRY_RETRIES=2`, `KYOA_TIMEOUT_TOTAL=30000`, `KYOA_HEDGE=false`. A value is JSON, or
 * else text. An empty variable is none, and without variables there is no document. They are read once, when the watch begins.
 * A name that no option has is a failure, which names the nearest one.
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
  const given = Object.entries(variables).flatMap(([name, text]) =>
    name.startsWith(prefix) && text ? [{ name, text }] : [],
  );
  const whole = given.find(({ name }) => name === `${prefix}POLICY`);
  const single = given.filter((variable) => variable !== whole);
  if (single.length === 0) return whole?.text;
  if (whole !== undefined) {
    throw new Error(
      `${whole.name} is a whole document, and ${single[0]!.name} is beside it; give one of them another prefix, and use env() twice`,
    );
  }
  const places = new Map(placesOf(prefix));
  const policies: Members = {};
  for (const { name, text } of single.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const place = places.get(name);
    if (place === undefined) throw unknown(name, places.keys());
    const isText = place.schema?.kind === 'text' || place.schema?.kind === 'choice';
    put(policies, place.path, isText ? text : valueOf(text));
  }
  return JSON.stringify({ options: policies });
}

/** The more specific variable counts: `KYOA_HEDGE_RATIO` over `KYOA_HEDGE=false`. */
function put(target: Members, [name, ...inner]: readonly string[], value: unknown): void {
  if (inner.length === 0) {
    target[name!] = value;
    return;
  }
  const below = target[name!];
  const isMembers = typeof below === 'object' && below !== null && !Array.isArray(below);
  const members = isMembers ? (below as Members) : {};
  target[name!] = members;
  put(members, inner, value);
}

/** Every variable that there may be, and what it sets. */
export function* placesOf(prefix: string): Generator<[name: string, place: Place]> {
  for (const [policy, { subject }] of Object.entries(catalogue)) {
    const name = prefix + upper(policy);
    yield [name, { path: [policy] }];
    if (subject !== undefined) yield [`${name}_${upper(subject)}`, { path: [policy, subject] }];
    yield* optionsOf(name, [policy], schemas[policy as SchemaName].options);
  }
}

function* optionsOf(
  start: string,
  path: readonly string[],
  options: Readonly<Record<string, OptionSchema>>,
): Generator<[string, Place]> {
  for (const [option, schema] of Object.entries(options)) {
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

function valueOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value === Infinity || value === -Infinity ? text : value; // JSON has no such number
  } catch {
    return text;
  }
}

function unknown(name: string, known: Iterable<string>): Error {
  const nearest = nearestName(name, known);
  const meant = nearest === undefined ? '' : `: do you mean ${nearest}?`;
  return new Error(`${name} names no option of a policy${meant || '; rename it, or choose another prefix'}`);
}
