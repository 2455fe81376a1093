/** A stack as entries: each policy by its name, with its options in JSON. */
import { standardStack } from '../standard.ts';
import { catalogue } from './catalogue.ts';
import type { PolicyDocument, PolicyLayer } from './document.ts';
import { isJsonObject } from './options-as-json.ts';
import { memberPath, unknownName, type SourcedProblem } from './problem.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface Entry {
  readonly name: string;
  /** `false`: the policy is not in the stack. */
  readonly options: Json | false;
  /** Its place in its document, and which document that is. */
  readonly path: string;
  readonly source: number;
}

/** What a document says, in the form in which documents are merged. */
export interface Parts {
  /** Absent: the document says nothing of the stack. */
  readonly use: readonly Entry[] | undefined;
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

const members = ['$schema', 'version', 'use', 'routes', 'secrets', 'environments'];
const layerMembers = ['use', 'routes', 'secrets'];

/** Takes a document apart. What is wrong with its form is in `problems` of the result. */
export function partsOf(document: unknown, source: number, names: Names): Parts {
  const reader = new Reader(source, names);
  const { problems } = reader;
  if (!isJsonObject(document)) {
    reader.refuse('', 'is no object: write { "use": [{ "retry": { "retries": 2 } }] }');
    return { use: undefined, routes: new Map(), secrets: {}, version: undefined, problems };
  }
  reader.checkNames(document, '', members);
  const { version, environments = {} } = document as PolicyDocument;
  if (version !== undefined && typeof version !== 'number' && typeof version !== 'string')
    reader.refuse('version', 'must be a number or a text');
  let result: Parts = { ...reader.layer(document, ''), version, problems };
  if (!isJsonObject(environments)) {
    reader.refuse('environments', 'must be an object: the layers by environment');
    return result;
  }
  for (const [name, layer] of Object.entries(environments)) {
    const path = memberPath('environments', name);
    if (!isJsonObject(layer)) {
      reader.refuse(path, `must be an object with ${layerMembers.join(', ')}`);
      continue;
    }
    reader.checkNames(layer, path, layerMembers);
    const parts = reader.layer(layer, path); // the form of a layer that is not in force is checked, too
    if (name === names.environment) result = merged(result, { ...parts, version: undefined, problems: [] });
  }
  return { ...result, problems };
}

class Reader {
  readonly problems: SourcedProblem[] = [];
  readonly #source: number;
  readonly #names: Names;

  constructor(source: number, names: Names) {
    this.#source = source;
    this.#names = names;
  }

  checkNames(given: Json, path: string, known: readonly string[]): void {
    for (const name of Object.keys(given))
      if (!known.includes(name)) this.refuse(memberPath(path, name), unknownName('member of a document', name, known));
  }

  layer({ use, routes = {}, secrets = {} }: Json & PolicyLayer, path: string): Omit<Parts, 'version' | 'problems'> {
    const entries = use === undefined ? undefined : this.#stack(use, memberPath(path, 'use'));
    return {
      use: entries,
      routes: new Map(this.#routes(routes, memberPath(path, 'routes'))),
      secrets: this.#secrets(secrets, memberPath(path, 'secrets')),
    };
  }

  #stack(use: unknown, path: string): Entry[] {
    if (!Array.isArray(use)) {
      this.refuse(path, 'must be a list of policies, such as [{ "retry": { "retries": 2 } }]');
      return [];
    }
    return use.flatMap((entry: unknown, index) => this.#entry(entry, memberPath(path, index)));
  }

  #entry(entry: unknown, path: string): Entry[] {
    const given = typeof entry === 'string' ? { [entry]: {} } : entry;
    const names = isJsonObject(given) ? Object.keys(given) : [];
    if (names.length !== 1) {
      this.refuse(path, 'must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }');
      return [];
    }
    const [name] = names as [string];
    const at = memberPath(path, name);
    const options = (given as Json)[name];
    if (name === 'standard') return this.#standard(options, at);
    const known = [...Object.keys(catalogue), ...this.#names.middleware];
    if (!known.includes(name)) {
      this.refuse(at, unknownName('policy', name, ['standard', ...known]));
      return [];
    }
    const written = this.#options(name, options, at);
    return written === undefined ? [] : [{ name, options: written, path: at, source: this.#source }];
  }

  #standard(options: unknown, path: string): Entry[] {
    if (!isJsonObject(options)) {
      this.refuse(path, 'must be an object with options by policy, such as { "retry": { "retries": 2 } }');
      return [];
    }
    const create = (name: string) => (given: Json | number | undefined) => ({ name, given });
    const named = {
      timeout: create('timeout'),
      dedupe: create('dedupe'),
      idempotency: create('idempotency'),
      retry: create('retry'),
      breaker: create('breaker'),
    };
    this.checkNames(options, path, Object.keys(named));
    const known = Object.fromEntries(Object.entries(options).filter(([name]) => name in named));
    const given = Object.fromEntries(
      Object.entries(known).map(([name, value]) => [name, this.#options(name, value, memberPath(path, name)) ?? {}]),
    );
    return standardStack(given, named).map(({ name, given: options = {} }) => ({
      name,
      options: jsonOf(options) as Json,
      path: memberPath(path, name),
      source: this.#source,
    }));
  }

  /** The options as an object: a number is short for one of them. */
  #options(name: string, given: unknown, path: string): Json | false | undefined {
    if (given === false) return false;
    if (given === true || given === null) return {};
    if (isJsonObject(given)) return given;
    const { scalar } = catalogue[name]?.options ?? {};
    if (scalar !== undefined && (typeof given === 'number' || given === 'Infinity')) return { [scalar]: given };
    const number = scalar === undefined ? '' : `, a number (${scalar})`;
    this.refuse(path, `must be an object with options${number}, or false, got ${JSON.stringify(given)}`);
    return undefined;
  }

  *#routes(routes: unknown, path: string): Iterable<[string, Route]> {
    if (!isJsonObject(routes)) {
      this.refuse(path, 'must be an object: options by route, such as { "GET https://api.example.com/*": { ... } }');
      return;
    }
    for (const [pattern, options] of Object.entries(routes)) {
      const at = memberPath(path, pattern);
      if (isJsonObject(options)) yield [pattern, { options, path: at, source: this.#source }];
      else this.refuse(at, 'must be an object with options by policy, such as { "retry": false }');
    }
  }

  #secrets(secrets: unknown, path: string): Json {
    if (!isJsonObject(secrets)) {
      this.refuse(path, 'must be an object: references by name, such as { "apiKey": { "env": "API_KEY" } }');
      return {};
    }
    for (const [name, reference] of Object.entries(secrets)) {
      const { env } = Object(reference) as { env?: unknown };
      // The value itself is not shown: it may be the secret.
      if (typeof env !== 'string')
        this.refuse(memberPath(path, name), 'must say where the secret is: { "env": "API_KEY" }');
    }
    return secrets;
  }

  refuse(path: string, message: string): void {
    this.problems.push({ path, message, source: this.#source });
  }
}

/** Lays one document over another: the later one wins, member by member. */
export function merged(under: Parts, over: Parts): Parts {
  const routes = new Map(under.routes);
  for (const [pattern, route] of over.routes) {
    const below = routes.get(pattern);
    routes.set(pattern, below ? { ...route, options: mergedOptions(below.options, route.options) } : route);
  }
  return {
    use: under.use && over.use ? mergedStack(under.use, over.use) : (over.use ?? under.use),
    routes,
    secrets: { ...under.secrets, ...over.secrets },
    version: over.version ?? under.version,
    problems: [...under.problems, ...over.problems],
  };
}

/**
 * A policy changes the one of its name below; of several, the one that has its options, as `timeout` in the standard stack. A
 * further policy is placed behind the one that precedes it.
 */
function mergedStack(under: readonly Entry[], over: readonly Entry[]): Entry[] {
  const result = [...under];
  const changed = new Set<Entry>();
  let at = -1;
  for (const entry of over) {
    const same = result.filter((below) => below.name === entry.name && !changed.has(below));
    const below = same.find((other) => sharesOption(other, entry)) ?? same[0];
    at = below === undefined ? at + 1 : result.indexOf(below);
    const options = below?.options && entry.options ? { ...below.options, ...entry.options } : entry.options;
    const merged = { ...entry, options };
    changed.add(merged);
    result.splice(at, below === undefined ? 0 : 1, merged);
  }
  return result;
}

function sharesOption(below: Entry, { options }: Entry): boolean {
  return Object.keys(options).some((name) => below.options !== false && name in below.options);
}

/** Options of several policies by name. Objects are merged, and so is a number, which is short for one. */
export function mergedOptions(under: Json, over: Json): Record<string, unknown> {
  const result: Record<string, unknown> = { ...under };
  for (const [name, given] of Object.entries(over)) {
    if (given === undefined) continue;
    const [below, above] = [expanded(name, under[name]), expanded(name, given)];
    if (isJsonObject(below) && isJsonObject(above)) result[name] = { ...below, ...above };
    else if (given !== true || under[name] === undefined) result[name] = given;
  }
  return result;
}

function expanded(name: string, given: unknown): unknown {
  const { scalar } = catalogue[name]?.options ?? {};
  return scalar !== undefined && typeof given === 'number' ? { [scalar]: given } : given;
}

/** The value as JSON has it: options that a function of kyoa made are written as that call. */
export function jsonOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, member: unknown) => (member === Infinity ? 'Infinity' : member)));
}
