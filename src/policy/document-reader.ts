/** Takes a document apart: each policy by its name, with its options in JSON. */
import { standardStack } from '../standard.ts';
import { catalogue } from './catalogue.ts';
import type { PolicyDocument, PolicyLayer } from './document.ts';
import { withoutUrlSecrets } from '../core/errors.ts';
import { isPolicyName, show } from '../core/options.ts';
import { isJsonObject } from './options-as-json.ts';
import { plainJson } from './plain-json.ts';
import { merged, type Entry, type Json, type Names, type Parts, type Route } from './parsed-document.ts';
import { memberPath, unknownName, type SourcedProblem } from './policy-error.ts';
import { canonicalRoute } from './routes.ts';

const layerMembers = ['use', 'options', 'routes', 'secrets'];
const members = ['$schema', 'version', ...layerMembers, 'environments'];

/** Takes a document apart. What is wrong with its form is in `problems` of the result. */
export function partsOf(document: unknown, source: number, names: Names): Parts {
  const reader = new Reader(source, names);
  const { problems } = reader;
  if (!isJsonObject(document)) {
    reader.refuse('', 'is no object: write { "use": [{ "retry": { "retries": 2 } }] }');
    return { use: undefined, changes: [], routes: new Map(), secrets: {}, version: undefined, problems };
  }
  reader.checkNames(document, '', members);
  const { version, environments = {} } = document as PolicyDocument;
  if (version !== undefined && typeof version !== 'number' && typeof version !== 'string')
    reader.refuse('version', `must be a number or a text, got ${show(version)}`);
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

  layer(
    { use, options = {}, routes = {}, secrets = {} }: Json & PolicyLayer,
    path: string,
  ): Omit<Parts, 'version' | 'problems'> {
    const entries = use === undefined ? undefined : this.#stack(use, memberPath(path, 'use'));
    return {
      use: entries,
      changes: this.#changes(options, memberPath(path, 'options')),
      routes: new Map(this.#routes(routes, memberPath(path, 'routes'))),
      secrets: this.#secrets(secrets, memberPath(path, 'secrets')),
    };
  }

  #stack(use: unknown, path: string): Entry[] {
    if (!Array.isArray(use)) {
      this.refuse(path, `must be a list of policies, such as [{ "retry": { "retries": 2 } }], got ${show(use)}`);
      return [];
    }
    return use.flatMap((entry: unknown, index) => this.#entry(entry, memberPath(path, index)));
  }

  #changes(options: unknown, path: string): Entry[] {
    if (!isJsonObject(options)) {
      this.refuse(
        path,
        `must be an object: options by policy, such as { "retry": { "retries": 2 } }, got ${show(options)}`,
      );
      return [];
    }
    return Object.entries(options).flatMap(([name, given]) => this.#policy(name, given, memberPath(path, name)));
  }

  #entry(entry: unknown, path: string): Entry[] {
    const given = typeof entry === 'string' ? { [entry]: {} } : entry;
    const names = isJsonObject(given) ? Object.keys(given) : [];
    if (names.length !== 1) {
      const what = names.length === 0 ? show(entry) : `${names.join(' and ')} in one object`;
      this.refuse(
        path,
        `must be the name of a policy, or an object with one: { "retry": { "retries": 2 } }, got ${what}`,
      );
      return [];
    }
    const [name] = names as [string];
    const at = memberPath(path, name);
    const options = (given as Json)[name];
    return name === 'standard' ? this.#standard(options, at) : this.#policy(name, options, at, ['standard']);
  }

  #policy(name: string, options: unknown, at: string, more: readonly string[] = []): Entry[] {
    const known = [...Object.keys(catalogue), ...this.#names.middleware];
    if (!known.includes(name)) {
      const isOfCode = isPolicyName(name) && more.length > 0;
      const inCode = `needs a function, which a document cannot have: create it in code, as middleware.${name} of policy()`;
      this.refuse(at, isOfCode ? inCode : unknownName('policy', name, [...more, ...known]));
      return [];
    }
    const written = this.#options(name, options, at);
    return written === undefined ? [] : [{ name, options: written, path: at, source: this.#source }];
  }

  #standard(options: unknown, path: string): Entry[] {
    const given = options === null || options === true ? {} : options;
    if (!isJsonObject(given)) {
      this.refuse(
        path,
        `must be an object with options by policy, such as { "retry": { "retries": 2 } }, got ${show(given)}`,
      );
      return [];
    }
    const create = (name: string) => (all: Json | undefined) => ({ name, all });
    const named = {
      timeout: create('timeout'),
      dedupe: create('dedupe'),
      resume: create('resume'),
      idempotency: create('idempotency'),
      retry: create('retry'),
      breaker: create('breaker'),
    };
    const names = Object.keys(named);
    for (const name of Object.keys(given))
      if (!names.includes(name)) this.refuse(memberPath(path, name), unknownName('policy of standard', name, names));
    const known = names.flatMap((name) => {
      const at = memberPath(path, name);
      const written = given[name] === undefined ? undefined : this.#options(name, given[name], at);
      return written === undefined ? [] : [[name, written] as const];
    });
    const off = known.filter(([, written]) => written === false).map(([name]) => [name, false, {}] as const);
    const on = standardStack(Object.fromEntries(known), named).map(({ name, all }) => {
      const own = Object.keys(known.find(([other]) => other === name)?.[1] ?? {});
      const members = Object.entries(plainJson(all ?? {}) as Json);
      const isOwn = ([member]: readonly [string, unknown]): boolean => own.includes(member);
      return [
        name,
        Object.fromEntries(members.filter(isOwn)),
        Object.fromEntries(members.filter((member) => !isOwn(member))),
      ] as const;
    });
    return [...off, ...on].map(([name, written, defaults]) => ({
      name,
      options: written,
      defaults,
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
    this.refuse(path, `must be an object with options${number}, or false, got ${show(given)}`);
    return undefined;
  }

  *#routes(routes: unknown, path: string): Iterable<[string, Route]> {
    if (!isJsonObject(routes)) {
      this.refuse(
        path,
        `must be an object: options by route, such as { "GET https://api.example.com/*": { "timeout": 5000 } }, got ${show(routes)}`,
      );
      return;
    }
    const seen = new Map<string, string>();
    for (const [pattern, options] of Object.entries(routes)) {
      const at = memberPath(path, withoutUrlSecrets(pattern));
      const route = canonicalRoute(pattern);
      const same = seen.get(route);
      if (same !== undefined) this.refuse(at, `is the same route as ${JSON.stringify(same)}: remove one`);
      seen.set(route, pattern);
      if (isJsonObject(options)) yield [route, { options, path: at, source: this.#source }];
      else
        this.refuse(at, `must be an object with options by policy, such as { "retry": false }, got ${show(options)}`);
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
