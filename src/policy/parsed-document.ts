/** What a document says, and how one lies over another. */
import { defined } from '../core/options.ts';
import { catalogue } from './catalogue.ts';
import { isJsonObject } from './options-as-json.ts';
import type { SourcedProblem } from './policy-error.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface Entry {
  readonly name: string;
  /** `false`: the policy is not in the stack. */
  readonly options: Json | false;
  /** Options that `standard` gives where no document does. */
  readonly defaults?: Json;
  /** Its place in its document, and which document that is. */
  readonly path: string;
  readonly source: number;
}

/** A policy that is on, with all its options. */
export interface Policy extends Entry {
  readonly options: Json;
}

/** What a document says, in the form in which documents are merged. */
export interface Parts {
  /** Absent: the document says nothing of the stack. */
  readonly use: readonly Entry[] | undefined;
  /** What `options` changes in the stack below. */
  readonly changes: readonly Entry[];
  readonly routes: ReadonlyMap<string, Route>;
  readonly secrets: Json;
  readonly version: number | string | undefined;
  /** What is wrong with the form of the document. */
  readonly problems: readonly SourcedProblem[];
}

export interface Route {
  readonly options: Json;
  readonly path: string;
  readonly source: number;
}

export interface Names {
  /** The middleware of the program that a document may have, by name. */
  readonly middleware: readonly string[];
  readonly environment: string | undefined;
}

/** Lays one document over another: the later one wins, member by member. */
export function merged(under: Parts, over: Parts): Parts {
  const routes = new Map(under.routes);
  for (const [pattern, route] of over.routes) {
    const below = routes.get(pattern);
    routes.set(pattern, below ? { ...route, options: mergedOptions(below.options, route.options) } : route);
  }
  const stack = over.use && under.changes.length > 0 ? changedStack(under.use ?? [], under.changes) : under.use;
  return {
    use: stack && over.use ? mergedStack(stack, over.use) : (over.use ?? stack),
    changes: over.use ? over.changes : [...under.changes, ...over.changes],
    routes,
    secrets: { ...under.secrets, ...over.secrets },
    version: over.version ?? under.version,
    problems: [...under.problems, ...over.problems],
  };
}

/** The stack with the changes of `options`: a policy that it lacks gets its usual place. */
export function changedStack(use: readonly Entry[], changes: readonly Entry[]): readonly Entry[] {
  return changes.reduce<readonly Entry[]>((stack, change) => mergedStack(stack, [change]), use);
}

/**
 * A policy changes the one of its name below; of several, the one that has its options, as `timeout` in the standard stack.
 * `false` takes all of them out. A further policy is placed behind the one that precedes it; the first one has its usual place.
 */
function mergedStack(under: readonly Entry[], over: readonly Entry[]): Entry[] {
  const result = [...under];
  const changed = new Set<Entry>();
  let at = -1;
  for (const entry of over) {
    const same = result.filter((below) => below.name === entry.name && !changed.has(below));
    if (entry.options === false) {
      for (const below of same) result[result.indexOf(below)] = { ...below, options: false, defaults: {} };
      continue;
    }
    const below = same.find((other) => sharesOption(other, entry)) ?? same[0];
    if (below !== undefined) at = result.indexOf(below);
    else at = at < 0 ? usualPlace(entry.name, result) : at + 1;
    const merged = {
      ...entry,
      options: { ...(below?.options === false ? {} : below?.options), ...entry.options },
      defaults: { ...below?.defaults, ...entry.defaults },
    };
    changed.add(merged);
    result.splice(at, below === undefined ? 0 : 1, merged);
  }
  return result;
}

/** Before the first policy that belongs inside of it. A middleware of the program is outermost. */
function usualPlace(name: string, stack: readonly Entry[]): number {
  const order = Object.keys(catalogue);
  const place = stack.findIndex((entry) => order.indexOf(entry.name) > order.indexOf(name));
  return place < 0 ? stack.length : place;
}

function sharesOption(below: Entry, entry: Entry): boolean {
  const own = allOptions(below);
  return Object.keys(allOptions(entry)).some((name) => name in own);
}

/** The options with what is preset; none of a policy that is off. */
export function allOptions({ options, defaults }: Entry): Json {
  return options === false ? {} : { ...defaults, ...options };
}

/** The policies that are on, outermost first. */
export function policiesOf(use: readonly Entry[] = []): Policy[] {
  return use.filter(({ options }) => options !== false).map((entry) => ({ ...entry, options: allOptions(entry) }));
}

/** Options of several policies by name. Objects are merged, and so is a number, which is short for one. */
export function mergedOptions(under: Json, over: Json): Record<string, unknown> {
  const result: Record<string, unknown> = { ...under };
  for (const [name, given] of Object.entries(over)) {
    if (given === undefined) continue;
    const [below, above] = [expanded(name, under[name]), expanded(name, given)];
    if (isPlain(below) && isPlain(above)) result[name] = { ...below, ...defined(above) };
    else if (given !== true || under[name] === undefined) result[name] = given;
  }
  return result;
}

function expanded(name: string, given: unknown): unknown {
  const { scalar } = catalogue[name]?.options ?? {};
  return scalar !== undefined && typeof given === 'number' ? { [scalar]: given } : given;
}

/** An instance of a class is one value. */
function isPlain(value: unknown): value is Json {
  return isJsonObject(value) && Object.getPrototypeOf(value) === Object.prototype;
}
