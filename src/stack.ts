/** What an entry point takes as `use`, a list or a stack that changes, and the pipeline that it makes of it. */
import type { Middleware } from './core/context.ts';
import type { RequestLike } from './core/engine/lazy-request.ts';
import type { Storage } from './core/storage.ts';

type Options = Readonly<Record<string, unknown>>;

/** Runs one call through a stack. */
export type Pipeline = (
  request: RequestLike,
  signal: AbortSignal | null | undefined,
  parts: { readonly options: Options; readonly transport: Options },
) => Promise<Response>;

/**
 * A stack that changes while the program runs, such as `policy()` of `kyoa/policy` makes of a document. An entry point takes
 * it as `use`. A call runs to its end through the stack that it began with.
 *
 * @example
 * ```ts
 * import { createFetch, type LiveStack } from 'kyoa';
 * import { policy } from 'kyoa/policy';
 *
 * const stack: LiveStack = policy({ use: [{ timeout: { total: 5_000 } }, { retry: { retries: 2 } }] });
 * const fetch = createFetch({ use: stack });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md
 */
export interface LiveStack {
  /** The middleware, outermost first. A change is a new list. */
  readonly current: readonly Middleware[];
  /** A promise while there is no stack yet: calls wait for it. It does not reject. */
  readonly pending: Promise<void> | undefined;
  /** The names of the middleware that are no policies of kyoa. A call may have an option of such a name. */
  readonly names: readonly string[];
  /** The options of a call: those that the caller gave, over those of the route. */
  optionsFor(method: string, url: string, given: Options): Options;
  /**
   * A pipeline that runs each call through the list which is in force when it begins. `build` makes the pipeline of one list.
   * `left` receives a call that its caller has left before there was a list.
   */
  through(
    build: (stack: readonly Middleware[]) => Pipeline,
    left: (request: RequestLike, reason: unknown) => void,
  ): Pipeline;
  /** A live stack whose lists are those of this one with a change, such as more middleware. */
  extended(change: (stack: readonly Middleware[]) => readonly Middleware[]): LiveStack;
}

/** What an entry point takes as `use`. */
export type Stack = readonly Middleware[] | LiveStack;

export function isLive(use: unknown): use is LiveStack {
  return typeof (use as Partial<LiveStack> | null | undefined)?.through === 'function';
}

/** What a policy that makes calls of its own gets of each pipeline in whose stack it is placed. */
export type Connect = (pipeline: Pipeline, storage: Storage) => void;

const connections = new WeakMap<Middleware, Connect>();

/** Notes that a middleware wants the pipelines of the client side in which it is placed. */
export function whenConnected(middleware: Middleware, connect: Connect): void {
  connections.set(middleware, connect);
}

export function connect(stack: readonly Middleware[], pipeline: Pipeline, storage: Storage): void {
  for (const middleware of stack) connections.get(middleware)?.(pipeline, storage);
}
