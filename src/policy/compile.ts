/** Makes middleware and routes of a document. What did not change keeps its middleware, and with it its state. */
import type { Middleware } from '../core/context.ts';
import type { EndpointsPolicy } from '../middleware/endpoints/endpoints.ts';
import { catalogue, type PolicyKind } from './catalogue.ts';
import { located, missingOption, optionProblem } from './option-problems.ts';
import { fromJson, isJsonObject } from './options-as-json.ts';
import { policiesOf, type Json, type Parts, type Policy } from './parsed-document.ts';
import { memberPath, PolicyError, unknownName, type SourcedProblem } from './policy-error.ts';
import { compileRoute, routeProblem, RouteTable } from './routes.ts';
import { Secrets, type ReadEnv } from './secrets.ts';

/** A middleware of the program, or a function that makes one of the options in the document. */
export type OwnMiddleware = Middleware | ((options: never) => Middleware);

export interface Compiled {
  readonly stack: readonly Middleware[];
  readonly routes: RouteTable;
  readonly places: readonly Place[];
}

/** A policy of the stack. */
interface Place {
  readonly name: string;
  readonly options: Json;
  /** The options with their secrets, as text: an equal text means equal options. */
  readonly key: string;
  readonly middleware: Middleware;
}

export interface Programs {
  readonly middleware: Readonly<Record<string, OwnMiddleware>>;
  readonly readEnv: ReadEnv;
}

/** @throws {PolicyError} with everything that is wrong; then nothing has changed */
export function compile(parts: Parts, before: Compiled | undefined, programs: Programs): Compiled {
  const compiler = new Compiler(programs, parts, before);
  const policies = policiesOf(parts.use);
  const prepared = policies.map((policy) => compiler.prepare(policy));
  const same = prepared.map((given) => given && compiler.unchanged(given));
  const places = prepared.map((given, index) => given && (same[index] ?? compiler.create(given)));
  const names = new Set(policies.map(({ name }) => name));
  const routes = [...parts.routes].map(([pattern, { options, path, source }]) =>
    compileRoute(pattern, compiler.route(pattern, options, path, source, names)),
  );
  compiler.commit();
  const made = places.filter((place) => place !== undefined);
  return { places: made, stack: made.map(({ middleware }) => middleware), routes: new RouteTable(routes) };
}

/** A policy whose options have the right form. */
interface Prepared extends Pick<Place, 'name' | 'options' | 'key'> {
  readonly path: string;
  readonly refuse: Refuse;
}

type Refuse = (path: string, message: string) => void;

class Compiler {
  readonly #programs: Programs;
  readonly #secrets: Secrets;
  readonly #problems: SourcedProblem[];
  /** The places before that no place has taken over yet. */
  readonly #unused: Place[];
  /** Changes of middleware that stays. They happen once the whole document is right. */
  readonly #changes: (() => void)[] = [];

  constructor(programs: Programs, { problems, secrets }: Parts, before: Compiled | undefined) {
    this.#programs = programs;
    this.#secrets = new Secrets(programs.readEnv, secrets);
    this.#problems = [...problems];
    this.#unused = [...(before?.places ?? [])];
  }

  commit(): void {
    if (this.#problems.length > 0) throw new PolicyError(this.#problems);
    for (const change of this.#changes) change();
  }

  /** `undefined`: something is wrong with its options. */
  prepare({ name, options: written, path, source }: Policy): Prepared | undefined {
    const failures = this.#problems.length;
    const refuse = this.#refuse(source);
    const kind = catalogue[name];
    const options = this.#members(name, written, path, refuse);
    const missing = kind && missingOption(name, kind, options);
    if (missing !== undefined) refuse(path, missing);
    return this.#problems.length > failures ? undefined : { name, options, key: keyOf(options), path, refuse };
  }

  /** The place before that has the same policy with the same options. */
  unchanged({ name, key }: Prepared): Place | undefined {
    return this.#take((place) => place.name === name && place.key === key);
  }

  create({ name, options, key, path, refuse }: Prepared): Place | undefined {
    const kind = catalogue[name];
    try {
      const middleware = kind ? this.#create(name, kind, options) : this.#own(name, options);
      return { name, options, key, middleware };
    } catch (error) {
      refuse(...located(path, name, options, messageOf(error)));
      return undefined;
    }
  }

  /** The options for one route, checked as those of a call. */
  route(pattern: string, options: Json, path: string, source: number, names: ReadonlySet<string>): Json {
    const refuse = this.#refuse(source);
    const problem = routeProblem(pattern);
    if (problem !== undefined) refuse(path, problem);
    const result: Record<string, unknown> = {};
    for (const [name, given] of Object.entries(options)) {
      const at = memberPath(path, name);
      const kind = catalogue[name];
      const isKnown = kind !== undefined || Object.hasOwn(this.#programs.middleware, name);
      if (!isKnown) refuse(at, unknownName('policy', name, [...names]));
      else if (given === false) result[name] = given;
      else if (!names.has(name)) {
        refuse(at, `is not in "use", so that it has no effect: add { "${name}": {} } there`);
      } else if (kind === undefined)
        result[name] = this.#secrets.resolve(name, given, (message) => refuse(at, message));
      else {
        const failures = this.#problems.length;
        const members = isJsonObject(given) ? this.#callMembers(name, kind, given, at, refuse) : given;
        if (this.#problems.length > failures) continue;
        result[name] = isJsonObject(members) ? fromDocument(members) : fromJson('', members);
        this.#checkCall(name, kind, result[name], at, refuse);
      }
    }
    return result;
  }

  #callMembers(name: string, kind: PolicyKind, given: Json, path: string, refuse: Refuse): Json {
    const { perCall = Object.keys(kind.options.shape) } = kind.options;
    const allowed = Object.entries(given).filter(([member]) => {
      if (perCall.includes(member)) return true;
      const isShared = member in kind.options.shape || member === kind.subject;
      const others = perCall.length === 0 ? 'only false can' : `${perCall.join(', ')} can`;
      const message = isShared
        ? `belongs to what all calls share, and cannot differ by route; ${others}`
        : unknownName(`option of ${name} for a route`, member, perCall);
      refuse(memberPath(path, member), message);
      return false;
    });
    return this.#members(name, Object.fromEntries(allowed), path, refuse);
  }

  #checkCall(name: string, kind: PolicyKind, given: unknown, path: string, refuse: Refuse): void {
    try {
      kind.options.forCall({ options: { [name]: given } }, {} as never);
    } catch (error) {
      refuse(...located(path, name, given, messageOf(error).replace(' (per call)', '')));
    }
  }

  /** Checks the names and forms of options, and puts the secrets in. */
  #members(policy: string, written: Json, path: string, refuse: Refuse): Json {
    const kind = catalogue[policy];
    const known = kind && [...Object.keys(kind.options.shape), ...(kind.subject === undefined ? [] : [kind.subject])];
    const members = Object.entries(written).flatMap(([name, value]) => {
      const at = memberPath(path, name);
      if (known && !known.includes(name)) {
        refuse(at, unknownName('option', name, known));
        return [];
      }
      const given = this.#secrets.resolve(name, value, (message) => refuse(at, message));
      const problem = kind === undefined || name === kind.subject ? undefined : optionProblem(policy, name, given);
      if (problem !== undefined) refuse(at, problem);
      return [[name, given] as const];
    });
    return Object.fromEntries(members);
  }

  #create(name: string, kind: PolicyKind, options: Json): Middleware {
    const made = kind.create(fromDocument(options, kind.subject) as never);
    if (name !== 'endpoints') return made;
    // The endpoints that remain keep their state.
    const { list, ...others } = options;
    const key = keyOf(others);
    const same = this.#take((place) => {
      const { list: _, ...own } = place.options;
      return place.name === name && keyOf(own) === key;
    });
    if (same === undefined) return made;
    const policy = same.middleware as EndpointsPolicy;
    this.#changes.push(() => policy.update(list as Parameters<EndpointsPolicy['update']>[0]));
    return policy;
  }

  #own(name: string, options: Json): Middleware {
    const own = this.#programs.middleware[name]!;
    if (own.length > 1) {
      if (Object.keys(options).length === 0) return own as Middleware;
      throw new Error('takes no options: the program gives a middleware, and no function that makes one');
    }
    const middleware = (own as (options: Json) => unknown)(options);
    if (typeof middleware === 'function') return middleware as Middleware;
    throw new Error('must be a middleware (ctx, next), or a function that returns one');
  }

  /** A message about a policy that has a secret does not show what was given: a policy may have changed or cut it. */
  #refuse(source: number): Refuse {
    const reads = this.#secrets.reads;
    return (path, message) => {
      const shown = this.#secrets.reads > reads ? message.replace(/, got .*$/s, '') : message;
      this.#problems.push({ path, message: this.#secrets.hide(shown), source });
    };
  }

  #take(isSame: (place: Place) => boolean): Place | undefined {
    const index = this.#unused.findIndex(isSame);
    return index < 0 ? undefined : this.#unused.splice(index, 1)[0];
  }
}

function fromDocument(options: Json, subject?: string): Json {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, name === subject ? value : fromJson(name, value)]),
  );
}

/** The options as text. The order of members does not matter. */
function keyOf(options: Json): string {
  return JSON.stringify(options, (_, value: unknown) =>
    isJsonObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `failed: ${String(error)}`;
}
