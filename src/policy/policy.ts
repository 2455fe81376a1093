/** `policy()`: a stack that follows its documents. */
import type { Middleware } from '../core/context.ts';
import { runHarmless } from '../core/engine/user-function.ts';
import { compile, type Compiled, type Programs } from './compile.ts';
import type { PolicyDocument } from './document.ts';
import { partsOf } from './document-reader.ts';
import { parseJsonText, type JsonText } from './json-parser.ts';
import { Layer } from './layer.ts';
import type { LivePolicy, PolicyEvent, PolicyOptions, PolicySnapshot } from './live-policy.ts';
import { changedStack, merged, policiesOf, type Json, type Names, type Parts } from './parsed-document.ts';
import { liveStack } from './live-stack.ts';
import { plainJson } from './plain-json.ts';
import { PolicyError, type PolicyProblem, type SourcedProblem } from './policy-error.ts';
import { checkedSources, isSource, settingsOf } from './settings.ts';
import type { PolicySource } from './source.ts';
import { Watch } from './watch.ts';

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

/** The stack of a document that names none. */
const standardUse: PolicyDocument = { use: ['standard'] };

class Live implements LivePolicy {
  readonly through: LivePolicy['through'];
  readonly extended: LivePolicy['extended'];
  /** The document of the program, then those of the sources. */
  readonly #layers: readonly Layer[];
  readonly #programs: Programs;
  readonly #names: Names;
  readonly #initial: Parts;
  readonly #staleAfter: number;
  readonly #listener: (event: PolicyEvent) => void;
  readonly #watch: Watch;
  #parts!: Parts;
  #compiled: Compiled | undefined;
  #since = 0;
  #changes = 0;

  constructor(from: readonly (PolicyDocument | PolicySource)[], options: PolicyOptions) {
    const { wait, storage, environment, ...settings } = settingsOf(options);
    this.#programs = settings.programs;
    this.#names = { middleware: Object.keys(settings.programs.middleware), environment };
    this.#staleAfter = settings.staleAfter;
    this.#listener = settings.listener;
    const documents = from.filter((given) => !isSource(given));
    const sources = checkedSources(from).map((source) => new Layer(source.name, undefined, source));
    this.#layers = [new Layer('the program', undefined), ...sources];
    this.#watch = new Watch(sources, wait, storage, {
      take: (layer, text, version) => this.#take(layer, text, version),
      remove: (layer) => this.#remove(layer),
      failed: (layer, error) => this.#failed(layer, error),
      lost: (error) => this.#emit({ type: 'policy.failed', source: 'the storage', error }),
      begun: () => this.#begun(),
    });
    try {
      this.#initial = merged(this.#read(standardUse), this.#read(settings.initial));
      compile(this.#whole(this.#initial), undefined, this.#programs); // it may be in force later only
      this.#layers[0]!.parts = documents.map((document) => this.#read(document)).reduce(overlaid, undefined);
      this.#force();
    } catch (error) {
      this.#watch.close();
      throw this.#described(error);
    }
    ({ through: this.through, extended: this.extended } = liveStack(this));
    this.#watch.start();
  }

  get current(): readonly Middleware[] {
    return this.#compiled!.stack;
  }

  get pending(): Promise<void> | undefined {
    return this.#watch.pending;
  }

  get names(): readonly string[] {
    return this.#names.middleware;
  }

  optionsFor(method: string, url: string, given: Json): Json {
    return this.#compiled!.routes.optionsFor(method, url, given);
  }

  update(document: PolicyDocument): void {
    const [program] = this.#layers;
    try {
      this.#replace(program!, this.#read(document));
    } catch (error) {
      throw this.#described(error);
    }
    this.#changed(program!);
  }

  snapshot(): PolicySnapshot {
    const sourceOf = (index: number): string => this.#layers[index]?.name ?? 'kyoa';
    const copy = (options: Json): Json => plainJson(options) as Json;
    const { version, use, routes } = this.#parts;
    return {
      version,
      since: this.#since,
      changes: this.#changes,
      sources: this.#layers.slice(1).map((layer) => layer.snapshot()),
      use: policiesOf(use).map(({ name, options, source }) => ({
        name,
        options: copy(options),
        source: sourceOf(source),
      })),
      routes: [...routes].map(([pattern, { options, source }]) => ({
        pattern,
        options: copy(options),
        source: sourceOf(source),
      })),
    };
  }

  close(): void {
    this.#watch.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether the text is good; then it is in force. */
  #take(layer: Layer, text: string, version: string | undefined): boolean {
    layer.text = text;
    layer.version = version;
    if (!this.#isTaken(layer)) return false;
    this.#changed(layer);
    return true;
  }

  #isTaken(layer: Layer): boolean {
    const source = this.#layers.indexOf(layer);
    let json: JsonText | undefined;
    try {
      json = parseJsonText(layer.text!);
      this.#replace(layer, partsOf(json.value, source, this.#names));
    } catch (error) {
      const { problems } = this.#described(error, source, json);
      this.#refuse(layer, problems);
      return false;
    }
    layer.accepted();
    this.#watch.keep(layer);
    return true;
  }

  #remove(layer: Layer): void {
    layer.removed();
    if (layer.parts !== undefined && this.#isRemoved(layer)) this.#changed(layer);
  }

  /** The source has no document any more. While the others need it, it stays in force. */
  #isRemoved(layer: Layer): boolean {
    try {
      this.#replace(layer, undefined);
    } catch (error) {
      this.#refuse(layer, this.#described(error).problems);
      return false;
    }
    layer.removed();
    return true;
  }

  #failed(layer: Layer, error: unknown): void {
    const isStale = layer.failed(error, this.#staleAfter);
    this.#emit({ type: 'policy.failed', source: layer.name, error });
    if (isStale) this.#emit({ type: 'policy.stale', source: layer.name, age: layer.failingFor });
  }

  /** A document may have been refused for want of this change: it is tried again. */
  #changed({ name }: Layer): void {
    this.#emit({ type: 'policy.changed', source: name, version: this.#parts.version });
    const refused = this.#layers.filter((layer) => layer.refused);
    const next = refused.find((layer) => (layer.text === undefined ? this.#isRemoved(layer) : this.#isTaken(layer)));
    if (next) this.#changed(next);
  }

  /** While calls wait, a document may lack one of another source: until then, nothing is reported. */
  #begun(): void {
    for (const { name, refused } of this.#layers)
      if (refused) this.#emit({ type: 'policy.refused', source: name, problems: refused.problems });
  }

  #refuse(layer: Layer, problems: readonly PolicyProblem[]): void {
    const isKnown = JSON.stringify(problems) === JSON.stringify(layer.refused?.problems);
    if (isKnown) return;
    layer.refuse(problems);
    if (this.pending === undefined) this.#emit({ type: 'policy.refused', source: layer.name, problems });
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
    const parts = this.#whole(this.#layers.map(({ parts }) => parts).reduce(overlaid) ?? this.#initial);
    this.#compiled = compile(parts, this.#compiled, this.#programs);
    this.#parts = parts;
    this.#since = Date.now();
  }

  /** With a stack, and the changes of `options` in it. */
  #whole(parts: Parts): Parts {
    return { ...parts, use: changedStack(parts.use ?? this.#read(standardUse).use ?? [], parts.changes) };
  }

  /** A document that the program gives. @throws {PolicyError} if it is no JSON */
  #read(document: unknown): Parts {
    const problems: SourcedProblem[] = [];
    const json = plainJson(document, (path, message) => problems.push({ path, message, source: 0 }));
    if (problems.length > 0) throw new PolicyError(problems);
    return partsOf(json, document === standardUse ? -1 : 0, this.#names);
  }

  /** The error with a line for each problem of the text, and the name of its document for each of another one. */
  #described(error: unknown, own = 0, json?: JsonText): PolicyError {
    if (!(error instanceof PolicyError)) throw error;
    const problems = (error.problems as readonly Partial<SourcedProblem>[]).map(
      ({ source = own, path = '', message = '', line = source === own ? json?.lineOf(path) : undefined }) => ({
        path,
        message:
          source === own || source < 0 ? message : `${message} (in the document of ${this.#layers[source]!.name})`,
        ...(line !== undefined && { line }),
      }),
    );
    return new PolicyError(problems);
  }

  #emit(event: PolicyEvent): void {
    runHarmless('listener of policy()', this.#listener, event);
  }
}

function overlaid(under: Parts | undefined, over: Parts | undefined): Parts | undefined {
  return under && over ? merged(under, over) : (over ?? under);
}
