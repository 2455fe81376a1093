/** `policy()`: a stack that follows its documents. */
import type { Middleware } from '../core/context.ts';
import { delay, duration, fn, knownKeys, storage as checkedStorage } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { compile, type Compiled, type Programs } from './compile.ts';
import type { PolicyDocument } from './document.ts';
import { jsonOf, merged, partsOf, type Json, type Names, type Parts } from './entries.ts';
import { parseJsonText, type JsonText } from './json-text.ts';
import { Layer } from './layer.ts';
import type { LivePolicy, PolicyEvent, PolicyOptions, PolicySnapshot } from './live-policy.ts';
import { PolicyError, type SourcedProblem } from './problem.ts';
import { withRoute } from './routes.ts';
import { platformEnv } from './secrets.ts';
import type { PolicySource } from './source.ts';

/** What `policy()` takes. */
type From = PolicyDocument | PolicySource | readonly (PolicyDocument | PolicySource)[];

/**
 * Makes a stack of documents, and follows their changes: `use` of `createFetch()`, `createHandler()` and `create()` takes
 * it. A document is an object, or comes from a source, such as a file or a configuration centre. Of several, each lies over
 * those before it.
 *
 * A change is in force for the next call; a call that runs ends with the stack it began with. A policy whose options did
 * not change keeps its state: an open circuit stays open, and permits stay held. A document with a fault is refused as a
 * whole, and the stack stays as it was. Calls wait up to `wait` ms for the first documents.
 *
 * @throws {PolicyError} if a document that the program gives is wrong
 * @example
 * ```ts
 * import { createFetch } from 'kyoa';
 * import { policy } from 'kyoa/policy';
 *
 * const live = policy({ version: 1, use: [{ standard: { retry: { retries: 2 } } }] });
 * const fetch = createFetch({ use: live });
 * live.update({ version: 2, use: [{ standard: { retry: { retries: 4 } } }] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md
 */
export function policy(from: From, options: PolicyOptions = {}): LivePolicy {
  return new Live(Array.isArray(from) ? from : [from], options);
}

const optionNames = ['middleware', 'environment', 'env', 'initial', 'wait', 'storage', 'staleAfter', 'listener'];

/** The stack of a document that names none. */
const standardUse: PolicyDocument = { use: ['standard'] };

class Live implements LivePolicy {
  /** The document of the program, then those of the sources. */
  readonly #layers: readonly Layer[];
  readonly #programs: Programs;
  readonly #names: Names;
  readonly #initial: Parts;
  readonly #storage: Storage | undefined;
  readonly #staleAfter: number;
  readonly #listener: (event: PolicyEvent) => void;
  readonly #watch = new AbortController();
  #begin: (() => void) | undefined;
  #parts!: Parts;
  #compiled: Compiled | undefined;
  #since = 0;
  #changes = 0;
  pending: Promise<void> | undefined;

  constructor(from: readonly (PolicyDocument | PolicySource)[], options: PolicyOptions) {
    knownKeys('policy', options, optionNames);
    const { middleware = {}, env = platformEnv, initial = {}, wait = 5_000, staleAfter = 600_000 } = options;
    const { storage, listener = report } = options;
    this.#programs = { middleware, readEnv: fn('policy env', env) };
    this.#names = { middleware: Object.keys(middleware), environment: options.environment ?? env('NODE_ENV') };
    this.#storage = storage === undefined ? undefined : checkedStorage('policy storage', storage);
    this.#staleAfter = duration('policy staleAfter', staleAfter);
    this.#listener = fn('policy listener', listener);
    this.#initial = merged(this.#read(standardUse, -1), this.#read(initial, -1));
    const documents = from.filter((given) => !isSource(given)).map((document) => this.#read(document, 0));
    const program = documents.length === 0 ? undefined : documents.reduce(merged);
    const sources = from.filter(isSource).map((source) => new Layer(source.name, undefined, source));
    this.#layers = [new Layer('the program', program), ...sources];
    this.#force();
    delay('policy wait', wait);
    if (sources.length > 0) this.#start(sources, wait);
  }

  get current(): readonly Middleware[] {
    return this.#compiled!.stack;
  }

  get names(): readonly string[] {
    return this.#names.middleware;
  }

  optionsFor(method: string, url: string, given: Json): Json {
    return withRoute(this.#compiled!.routes, method, url, given);
  }

  update(document: PolicyDocument): void {
    const [program] = this.#layers;
    this.#replace(program!, this.#read(document, 0));
    this.#emit({ type: 'policy.changed', source: program!.name, version: this.#parts.version });
  }

  snapshot(): PolicySnapshot {
    const sourceOf = (index: number): string => this.#layers[index]?.name ?? 'kyoa';
    const { version, use = [], routes } = this.#parts;
    return {
      version,
      since: this.#since,
      changes: this.#changes,
      sources: this.#layers.slice(1).map((layer) => layer.snapshot()),
      use: use.flatMap(({ name, options, source }) =>
        options === false ? [] : { name, options, source: sourceOf(source) },
      ),
      routes: [...routes].map(([pattern, { options, source }]) => ({ pattern, options, source: sourceOf(source) })),
    };
  }

  close(): void {
    this.#watch.abort();
    this.#begin?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls wait until each source has said whether it has a document, or `wait` ms. */
  #start(layers: readonly Layer[], wait: number): void {
    const kept = new Map(layers.map((layer) => [layer, this.#kept(layer)]));
    const silent = new Set(layers);
    if (wait > 0) {
      this.pending = new Promise((resolve) => {
        const giveUp = (): void => void Promise.all([...silent].map(useKept)).then(this.#begin);
        const timer = setTimeout(giveUp, wait);
        this.#begin = () => {
          clearTimeout(timer);
          this.pending = undefined;
          resolve();
        };
      });
    }
    const heard = (layer: Layer): void => {
      silent.delete(layer);
      if (silent.size === 0) this.#begin?.();
    };
    const useKept = async (layer: Layer): Promise<void> => {
      const text = await kept.get(layer);
      if (text === undefined || layer.text !== undefined || this.#watch.signal.aborted) return;
      if (this.#take(layer, text, undefined)) layer.reached('kept');
      heard(layer);
    };
    for (const layer of layers) {
      layer.source!.watch(
        {
          document: (text, version) => {
            layer.reached('good');
            if (text !== layer.text && this.#take(layer, text, version)) this.#keep(layer, text);
            heard(layer);
          },
          absent: () => {
            layer.reached('absent');
            if (layer.parts !== undefined) this.#remove(layer);
            heard(layer);
          },
          failed: (error) => {
            const isStale = layer.failed(error, this.#staleAfter);
            this.#emit({ type: 'policy.failed', source: layer.name, error });
            if (isStale) this.#emit({ type: 'policy.stale', source: layer.name, age: layer.failingFor });
            void useKept(layer);
          },
        },
        this.#watch.signal,
      );
    }
  }

  /** Whether the text is good; then it is in force. */
  #take(layer: Layer, text: string, version: string | undefined): boolean {
    layer.text = text;
    const source = this.#layers.indexOf(layer);
    let json: JsonText | undefined;
    try {
      json = parseJsonText(text);
      this.#replace(layer, this.#read(json.value, source));
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      this.#refuse(layer, error.problems as readonly SourcedProblem[], (problem) =>
        (problem.source ?? source) === source ? json?.lineOf(problem.path) : undefined,
      );
      return false;
    }
    layer.accepted(version);
    this.#emit({ type: 'policy.changed', source: layer.name, version: this.#parts.version });
    return true;
  }

  /** The source has no document any more. If the others need it, it stays in force. */
  #remove(layer: Layer): void {
    layer.text = undefined;
    try {
      this.#replace(layer, undefined);
      this.#emit({ type: 'policy.changed', source: layer.name, version: this.#parts.version });
    } catch (error) {
      this.#refuse(layer, (error as PolicyError).problems as readonly SourcedProblem[]);
    }
  }

  #refuse(
    layer: Layer,
    found: readonly SourcedProblem[],
    lineOf: (problem: SourcedProblem) => number | undefined = () => undefined,
  ): void {
    const problems = found.map(({ source, ...problem }) => {
      const line = problem.line ?? lineOf({ ...problem, source });
      return { ...problem, ...(line !== undefined && { line }) };
    });
    layer.refuse(problems);
    this.#emit({ type: 'policy.refused', source: layer.name, problems });
  }

  #replace(layer: Layer, parts: Parts | undefined): void {
    const before = layer.parts;
    layer.parts = parts;
    try {
      this.#force();
    } catch (error) {
      layer.parts = before;
      throw error;
    }
    this.#changes += 1;
  }

  #force(): void {
    const given = this.#layers.flatMap(({ parts }) => parts ?? []);
    const all = given.length === 0 ? this.#initial : given.reduce(merged);
    const parts = { ...all, use: all.use ?? this.#read(standardUse, -1).use };
    this.#compiled = compile(parts, this.#compiled, this.#programs);
    this.#parts = parts;
    this.#since = Date.now();
  }

  #read(document: unknown, source: number): Parts {
    return partsOf(source > 0 ? document : jsonOf(document), source, this.#names);
  }

  async #kept(layer: Layer): Promise<string | undefined> {
    try {
      return (await this.#storage?.get(keyOf(layer)))?.value;
    } catch (error) {
      this.#emit({ type: 'policy.failed', source: 'the storage', error });
      return undefined;
    }
  }

  #keep(layer: Layer, text: string): void {
    this.#storage
      ?.set(keyOf(layer), text)
      .catch((error: unknown) => this.#emit({ type: 'policy.failed', source: 'the storage', error }));
  }

  #emit(event: PolicyEvent): void {
    try {
      this.#listener(event);
    } catch (error) {
      console.error('kyoa: the listener of policy threw', error);
    }
  }
}

function keyOf({ name }: Layer): string {
  return `policy ${name}`;
}

/** A document of the program is data; a source can be watched. */
function isSource(given: PolicyDocument | PolicySource): given is PolicySource {
  return typeof (given as Partial<PolicySource> | null)?.watch === 'function';
}

function report(event: PolicyEvent): void {
  if (event.type === 'policy.refused') console.warn(`kyoa: ${new PolicyError(event.problems, event.source).message}`);
}
