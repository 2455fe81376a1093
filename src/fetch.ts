/** The fetch entry point: `createFetch`. */
import type { RequestInfo } from './core/engine/fetch-types.ts';
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { stackOf } from './core/compose.ts';
import type { Middleware } from './core/context.ts';
import { requestOf } from './core/engine/lazy-request.ts';
import { fn, invalid, knownKeys } from './core/options.ts';
import type { Storage } from './core/storage.ts';
import { isLive, type Pipeline, type Stack } from './stack.ts';
import { retainSignal } from './lib/caller-signal.ts';
import { createPipeline, type PipelineOptions } from './pipeline.ts';
import { isOff, isUnused, noNames, noParts, partitionInit } from './request-init.ts';
import { brand, transportHandler, type Fetch } from './transport.ts';

/**
 * The options of `createFetch()`. Each may be absent or `undefined`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export interface FetchOptions extends PipelineOptions {
  /** The transport. It receives the URL and the init of the call, or the Request if the caller passed one. @default the global fetch, looked up at each call */
  readonly fetch?: Fetch | undefined;
  /**
   * Where a call has its overrides: `true`, beside the members of RequestInit; a name, in the member of that name;
   * `false`, nowhere, for a library whose own options have names like `retry` and reach fetch. @default true
   */
  readonly overrides?: boolean | string | undefined;
}

/**
 * The options of `extend()` of a fetch. An option that is absent or `undefined` stays as it was.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export type FetchExtension = Omit<FetchOptions, 'use'> & {
  /** Middleware to add inside the present stack; a function from the present stack to the new one; or another stack that changes. */
  readonly use?: Stack | ((stack: readonly Middleware[]) => readonly Middleware[]) | undefined;
};

/**
 * A fetch with middleware, as `createFetch()` returns it. It has the signature of the platform's fetch, and takes the
 * overrides of a call beside the members of RequestInit.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export interface KyoaFetch {
  (input: RequestInfo | URL, init?: RequestInit & CallOptions): Promise<Response>;
  /** A new fetch with the same policies, storage and transport, except for the members that are given. */
  extend(extension: FetchExtension): KyoaFetch;
}

/** The pipeline of a client: its terminal passes the request to a fetch. */
export function clientPipeline({ fetch, ...options }: Omit<FetchOptions, 'overrides'>): Pipeline {
  if (fetch !== undefined) fn('fetch', fetch);
  return createPipeline(options, 'client', transportHandler(fetch));
}

/**
 * A drop-in `fetch` with middleware. It resolves for every HTTP status, rejects with the error of fetch or of a policy, and
 * returns the transport's own Response.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [timeout(5_000), retry()] });
 * const response = await fetch('https://api.example.com/users', { retry: 1 });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export function createFetch(options: FetchOptions = {}): KyoaFetch {
  knownKeys('createFetch', options, ['use', 'storage', 'fetch', 'overrides', 'background'], 'called with { use: [] }');
  const { use = [], storage = memory(), background, fetch: transport, overrides = true } = options;
  const pipeline = clientPipeline({ use, storage, background, fetch: transport });

  return asKyoaFetch(fetchOf(pipeline, namesOf(use), overrides, use), storage, ({ use: change, ...others }) =>
    createFetch({
      ...others,
      use: extendStack(use, change),
      storage: others.storage ?? storage,
      background: others.background ?? background,
      fetch: others.fetch ?? transport,
      overrides: others.overrides ?? overrides,
    }),
  );
}

type PlainFetch = (input: RequestInfo | URL, init?: RequestInit & CallOptions) => Promise<Response>;

/** The names of the overrides that a call through the stack may have. */
export function namesOf(use: Stack): ReadonlySet<string> {
  return new Set([...callOptionNames, ...(isLive(use) ? use.names : use.map(({ name }) => name))]);
}

/**
 * A fetch that runs its calls through a pipeline. `names` are those of the overrides. An override that no policy of the stack
 * reads is reported once on the console and not refused: a library may pass an option of its own, such as `timeout`.
 */
export function fetchOf(
  pipeline: Pipeline,
  names: ReadonlySet<string>,
  overrides: boolean | string,
  use: Stack,
): PlainFetch {
  if (typeof overrides !== 'boolean' && typeof overrides !== 'string') {
    throw invalid('overrides', overrides, 'true, false or the name of a member of init');
  }
  const allowed = overrides === false ? noNames : names;
  const member = typeof overrides === 'string' ? overrides : undefined;
  const unseen = new Set(allowed);

  // Not async: an async function waits once more for a promise that it returns.
  return function fetch(input, init: (RequestInit & CallOptions) | null = null): Promise<Response> {
    try {
      // Not every browser shows the body of a Request. What is no object is refused.
      if (init instanceof Request || typeof init !== 'object')
        return fetch(new Request(input, init), { signal: init.signal });
      const parts = init === null ? noParts : partitionInit(init, allowed, member);
      for (const name in parts.options) {
        if (!isOff(parts.options[name]) && unseen.delete(name) && isUnused(name, use))
          console.warn(`kyoa: add ${name}() to use, or set overrides: false`);
      }
      const { signal = input instanceof Request ? retainSignal(input) : undefined } = parts;
      // `null` detaches a Request from its own signal.
      const members = signal === null && input instanceof Request ? { ...parts.request, signal } : parts.request;
      const request = requestOf(input, members);
      // The constructor of Request refuses what is not a signal. Its errors precede an abort (Fetch Standard).
      if (signal != null && (signal.aborted as unknown) !== false)
        void new Request(request.url, { ...(input instanceof Request ? undefined : parts.request), signal });
      return pipeline(request, signal, parts);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

export function asKyoaFetch(fetch: PlainFetch, storage: Storage, extend: KyoaFetch['extend']): KyoaFetch {
  return Object.assign(fetch, { extend, [brand]: storage });
}

export function extendStack(use: Stack, change: FetchExtension['use']): Stack {
  if (change === undefined) return use;
  if (isLive(change)) return change;
  const isList = Array.isArray(change);
  if (isList || (typeof change === 'function' && change.length < 2)) {
    const extend = (stack: readonly Middleware[]): readonly Middleware[] =>
      isList ? [...stack, ...change] : stackOf(change(stack));
    return isLive(use) ? use.extended(extend) : extend(use);
  }
  throw invalid('use', change, 'a list, such as [retry()], or a function from the present stack to the new one');
}
