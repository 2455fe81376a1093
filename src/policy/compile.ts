/** Makes middleware and routes of a document. What did not change keeps its middleware, and with it its state. */
import { KyoaError } from '../core/errors.ts';
import type { Middleware } from '../core/context.ts';
import type { EndpointsPolicy } from '../middleware/endpoints/endpoints.ts';
import { catalogue, type PolicyKind } from './catalogue.ts';
import type { Entry, Json, Parts } from './entries.ts';
import { formHint, fromJson, isJsonObject } from './options-as-json.ts';
import { memberPath, PolicyError, unknownName, type SourcedProblem } from './problem.ts';
import { schemas, type PolicySchema } from './schemas.ts';
import { bySpecificity, compileRoute, routeProblem, type CompiledRoute } from './routes.ts';
import { Secrets, type ReadEnv } from './secrets.ts';

/** A middleware of the program, or a function that makes one of the options in the document. */
export type OwnMiddleware = Middleware | ((options: never) => Middleware);

export interface Compiled {
  readonly stack: readonly Middleware[];
  readonly routes: readonly CompiledRoute[];
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
  const problems = [...parts.problems];
  const secrets = new Secrets(programs.readEnv, parts.secrets);
  const compiler = new Compiler(programs, secrets, before, problems);
  const places = (parts.use ?? []).flatMap((entry) => compiler.place(entry) ?? []);
  const names = new Set(parts.use?.flatMap(({ name, options }) => (options === false ? [] : name)));
  const routes = [...parts.routes].map(([pattern, { options, path, source }]) =>
    compileRoute(pattern, compiler.route(pattern, options, path, source, names)),
  );
  if (problems.length > 0)
    throw new PolicyError(problems.map((problem) => ({ ...problem, message: secrets.hide(problem.message) })));
  compiler.commit();
  return { places, stack: places.map(({ middleware }) => middleware), routes: bySpecificity(routes) };
}

class Compiler {
  readonly #programs: Programs;
  readonly #secrets: Secrets;
  readonly #problems: SourcedProblem[];
  /** The places before that no place has taken over yet. */
  readonly #unused: Place[];
  /** Changes of middleware that stays. They happen once the whole document is right. */
  readonly #changes: (() => void)[] = [];

  constructor(programs: Programs, secrets: Secrets, before: Compiled | undefined, problems: SourcedProblem[]) {
    this.#programs = programs;
    this.#secrets = secrets;
    this.#problems = problems;
    this.#unused = [...(before?.places ?? [])];
  }

  commit(): void {
    for (const change of this.#changes) change();
  }

  place(entry: Entry): Place | undefined {
    const { name, options: written, path, source } = entry;
    if (written === false) return undefined;
    const failures = this.#problems.length;
    const refuse = (path: string, message: string): void => void this.#problems.push({ path, message, source });
    const kind = catalogue[name];
    const options = this.#members(name, written, path, refuse);
    if (this.#problems.length > failures) return undefined;

    const key = JSON.stringify(options);
    const same = this.#take((place) => place.name === name && place.key === key);
    if (same !== undefined) return same;
    try {
      const middleware = kind ? this.#create(name, kind, options) : this.#own(name, options);
      return { name, options, key, middleware };
    } catch (error) {
      if (!(error instanceof KyoaError)) throw error;
      refuse(...located(path, name, options, error.message));
      return undefined;
    }
  }

  /** The options for one route, checked as those of a call. */
  route(pattern: string, options: Json, path: string, source: number, names: ReadonlySet<string>): Json {
    const refuse = (path: string, message: string): void => void this.#problems.push({ path, message, source });
    const problem = routeProblem(pattern);
    if (problem !== undefined) refuse(path, problem);
    const result: Record<string, unknown> = {};
    for (const [name, given] of Object.entries(options)) {
      const at = memberPath(path, name);
      const kind = catalogue[name];
      if (!names.has(name)) {
        if (given === false) continue;
        const known = kind !== undefined || name in this.#programs.middleware;
        refuse(
          at,
          known
            ? `is not in "use", so that it has no effect: add { "${name}": {} } there`
            : unknownName('policy', name, [...names]),
        );
      } else if (kind === undefined || !isJsonObject(given)) result[name] = given;
      else {
        const { perCall = Object.keys(kind.options.shape) } = kind.options;
        const allowed = Object.fromEntries(
          Object.entries(given).filter(([member]) => {
            if (perCall.includes(member)) return true;
            const isShared = member in kind.options.shape || member === kind.subject;
            refuse(
              memberPath(at, member),
              isShared
                ? `belongs to what all calls share, and cannot differ by route; ${perCall.join(', ')} can`
                : unknownName(`option of ${name} for a route`, member, perCall),
            );
            return false;
          }),
        );
        result[name] = fromDocument(this.#members(name, allowed, at, refuse));
      }
      this.#checkCall(name, kind, result[name], at, refuse);
    }
    return result;
  }

  #checkCall(name: string, kind: PolicyKind | undefined, given: unknown, path: string, refuse: Refuse): void {
    if (kind === undefined || given === undefined) return;
    try {
      kind.options.forCall({ options: { [name]: given } }, {} as never);
    } catch (error) {
      refuse(...located(path, name, given, (error as Error).message.replace(' (per call)', '')));
    }
  }

  /** Checks the names and forms of options, and puts the secrets in. */
  #members(policy: string, written: Json, path: string, refuse: Refuse): Json {
    const kind = catalogue[policy];
    const known = kind && [...Object.keys(kind.options.shape), ...(kind.subject === undefined ? [] : [kind.subject])];
    const result: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(written)) {
      const at = memberPath(path, name);
      if (known && !known.includes(name)) {
        refuse(at, unknownName('option', name, known));
        continue;
      }
      const given = this.#secrets.resolve(name, value, (message) => refuse(at, message));
      const problem = kind === undefined || name === kind.subject ? undefined : problemOf(policy, name, given);
      if (problem !== undefined) refuse(at, problem);
      result[name] = given;
    }
    return result;
  }

  #create(name: string, kind: PolicyKind, options: Json): Middleware {
    const { subject } = kind;
    if (subject !== undefined && options[subject] === undefined)
      throw new KyoaError('INVALID_OPTION', `${name} must have ${subject}`);
    const given = fromDocument(options, subject) as never;
    const made = kind.create(given);
    if (name !== 'endpoints') return made;
    // The endpoints that remain keep their state.
    const { list, ...others } = options;
    const same = this.#take(
      (place) =>
        place.name === name && JSON.stringify({ ...place.options, list: 0 }) === JSON.stringify({ ...others, list: 0 }),
    );
    if (same === undefined) return made;
    const policy = same.middleware as EndpointsPolicy;
    this.#changes.push(() => policy.update(list as Parameters<EndpointsPolicy['update']>[0]));
    return policy;
  }

  #own(name: string, options: Json): Middleware {
    const own = this.#programs.middleware[name]!;
    const middleware = own.length > 1 ? (own as Middleware) : (own as (options: Json) => unknown)(options);
    if (typeof middleware !== 'function')
      throw new KyoaError('INVALID_OPTION', `${name} must be made by a function that returns a middleware`);
    return middleware as Middleware;
  }

  #take(isSame: (place: Place) => boolean): Place | undefined {
    const index = this.#unused.findIndex(isSame);
    return index < 0 ? undefined : this.#unused.splice(index, 1)[0];
  }
}

type Refuse = (path: string, message: string) => void;

function fromDocument(options: Json, subject?: string): Json {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, name === subject ? value : fromJson(name, value)]),
  );
}

/** What is wrong with the form of an option. Its value is checked by the policy. */
function problemOf(policy: string, name: string, given: unknown): string | undefined {
  const hint = formHint(name);
  let made: unknown;
  try {
    made = fromJson(name, given);
  } catch (error) {
    return `is wrong: ${(error as Error).message}`;
  }
  const isFunction = typeof made === 'function' || (isJsonObject(made) && Object.values(made).some(isCallable));
  if (isFunction || given === false) return undefined;
  const { kind } = (schemas as Readonly<Record<string, PolicySchema>>)[policy]?.options[name] ?? {};
  if (kind === 'function' && hint === undefined) return 'is a function, which no document can hold: leave it out';
  // A number or a text in its place is checked by the policy itself.
  const isWrong = kind === 'function' || (hint !== undefined && isJsonObject(given));
  return isWrong ? `must be ${hint}, got ${JSON.stringify(given)}` : undefined;
}

function isCallable(value: unknown): boolean {
  return typeof value === 'function';
}

/** The path and the rest of a message such as `retry retries must be a whole number`. */
function located(path: string, policy: string, options: unknown, text: string): [path: string, message: string] {
  let at = path;
  let value = options;
  let rest = text.startsWith(`${policy} `) ? text.slice(policy.length + 1) : text;
  for (;;) {
    const [word = '', ...others] = rest.split(' ');
    if (!isJsonObject(value) || !(word in value)) return [at, rest];
    at = memberPath(at, word);
    value = value[word];
    rest = others.join(' ');
  }
}
