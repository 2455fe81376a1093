/** A stack that changes while the program runs, in place of the list of middleware. */
import { stackOf } from './core/compose.ts';
import type { Middleware } from './core/context.ts';

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
  optionsFor(method: string, url: string, given: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** What an entry point takes as `use`. */
export type Stack = readonly Middleware[] | LiveStack;

export function isLive(use: unknown): use is LiveStack {
  return typeof (use as Partial<LiveStack> | null | undefined)?.optionsFor === 'function';
}

/** The middleware that the next call runs through. */
export function currentOf(use: Stack): readonly Middleware[] {
  return isLive(use) ? use.current : use;
}

/** The stack and the options of a call that begins now. */
export function settingsOf(
  use: Stack,
  { method, url }: { readonly method: string; readonly url: string },
  options: Readonly<Record<string, unknown>>,
): { readonly stack: readonly Middleware[]; readonly options: Readonly<Record<string, unknown>> } {
  if (!isLive(use)) return { stack: use, options };
  return { stack: use.current, options: use.optionsFor(method, url, options) };
}

/** The names of the middleware that a call may have an option for. */
export function middlewareNames(use: Stack): readonly string[] {
  return isLive(use) ? use.names : use.map(({ name }) => name);
}

/** What `build` makes of the present stack. It is built once for each stack, of which only the latest is kept. */
export function perStack<T>(use: LiveStack, build: (stack: readonly Middleware[]) => T): () => T {
  let latest: { readonly stack: readonly Middleware[]; readonly built: T } | undefined;
  return () => {
    const stack = use.current;
    if (latest?.stack !== stack) latest = { stack, built: build(stack) };
    return latest.built;
  };
}

/** A live stack with a change on top, say middleware that is added to each list. */
export function derived(use: LiveStack, change: (stack: readonly Middleware[]) => readonly Middleware[]): LiveStack {
  const changed = perStack(use, (stack) => stackOf(change(stack)));
  return {
    get current() {
      return changed();
    },
    get pending() {
      return use.pending;
    },
    get names() {
      return [...use.names, ...changed().map(({ name }) => name)];
    },
    optionsFor: (method, url, given) => use.optionsFor(method, url, given),
  };
}

/** Resolves once there is a stack. A caller that leaves before gets the reason of its abort at once. */
export async function untilReady(pending: Promise<void>, signal: AbortSignal | null | undefined): Promise<void> {
  if (signal == null) return pending;
  signal.throwIfAborted();
  let leave!: () => void;
  const left = new Promise<never>((_, reject) => (leave = () => reject(signal.reason)));
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([pending, left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
