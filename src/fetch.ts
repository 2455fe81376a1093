/** The fetch entry point: `createFetch`. */
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { compose } from './core/compose.ts';
import { createContext, type Middleware } from './core/context.ts';
import { NeverAborted } from './core/engine/lazy-abort.ts';
import { requestOf, type RequestLike } from './core/engine/lazy-request.ts';
import { array, fn, knownKeys } from './core/options.ts';
import type { Storage } from './core/storage.ts';
import { noParts, partitionInit, type InitParts } from './request-init.ts';
import { retainSignal, withCallerSignal } from './lib/caller-signal.ts';
import { brand, transportHandler, type Fetch } from './transport.ts';

export interface PipelineOptions {
  /** The middleware, outermost first. @default [] */
  readonly use?: readonly Middleware[];
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage;
}

export interface FetchOptions extends PipelineOptions {
  /** The transport. It receives the URL and the init of the call, or the Request if the caller passed one. @default the global fetch, looked up at each call */
  readonly fetch?: Fetch;
}

export type FetchExtension = Omit<FetchOptions, 'use'> & {
  /** Middleware to add inside the present stack, or a function from the present stack to the new one. */
  readonly use?: readonly Middleware[] | ((stack: readonly Middleware[]) => readonly Middleware[]);
};

export interface KyoaFetch {
  (input: RequestInfo | URL, init?: RequestInit & CallOptions): Promise<Response>;
  /** A new fetch with the same policies, storage and transport, except for the members that are given. */
  extend(extension: FetchExtension): KyoaFetch;
}

/** Runs one call through a stack. */
export type Pipeline = (
  request: RequestLike,
  signal: AbortSignal | null | undefined,
  parts: Pick<InitParts, 'options' | 'transport'>,
) => Promise<Response>;

export function createPipeline({ use = [], storage = memory(), fetch }: FetchOptions): Pipeline {
  if (fetch !== undefined) fn('fetch', fetch);
  // A copy: `dedupe` shares a response within one stack, and another transport may give another response.
  const stack = [...array('use', use)];
  const run = compose(stack, transportHandler(fetch));
  return (request, signal, { options, transport }) => {
    const call = { options, transport, storage, side: 'client', stack } as const;
    if (signal == null) return run(createContext(call, request, new NeverAborted()));
    return withCallerSignal(signal, (own) => run(createContext(call, request, own)));
  };
}

/**
 * A drop-in `fetch` with middleware. It resolves for every HTTP status, rejects with the error of fetch or of a policy, and
 * returns the transport's own Response.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function createFetch(options: FetchOptions = {}): KyoaFetch {
  knownKeys('createFetch', options, ['use', 'storage', 'fetch']);
  const { storage = memory(), fetch: transport } = options;
  const pipeline = createPipeline({ ...options, storage });
  const { use = [] } = options;

  return asKyoaFetch(fetchOf(pipeline, use), ({ use: change, ...others }) =>
    createFetch({ storage, ...(transport && { fetch: transport }), ...others, use: extendStack(use, change) }),
  );
}

type PlainFetch = (input: RequestInfo | URL, init?: RequestInit & CallOptions) => Promise<Response>;

/** A fetch that runs its calls through a pipeline, whose stack is `use`. */
export function fetchOf(pipeline: Pipeline, use: readonly Middleware[]): PlainFetch {
  const names = new Set([...callOptionNames, ...use.map(({ name }) => name)]);

  // Not async: an async function waits once more for a promise that it returns.
  return function fetch(input, init): Promise<Response> {
    try {
      // The members of a Request are getters, which `Object.entries` does not list.
      if (init instanceof Request) return fetch(new Request(input, init), { signal: init.signal });
      const parts = init === undefined ? noParts : partitionInit(init, names);
      const { signal = input instanceof Request ? retainSignal(input) : undefined } = parts;
      // The constructor of Request refuses what is not a signal.
      if (signal != null && !(signal instanceof AbortSignal)) void new Request(input, { signal });
      return pipeline(requestOf(input, parts.request), signal, parts);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

export function asKyoaFetch(fetch: PlainFetch, extend: KyoaFetch['extend']): KyoaFetch {
  return Object.assign(fetch, { extend, [brand]: true });
}

export function extendStack(stack: readonly Middleware[], change: FetchExtension['use']): readonly Middleware[] {
  if (typeof change === 'function') return change(stack);
  return change === undefined ? stack : [...stack, ...change];
}
