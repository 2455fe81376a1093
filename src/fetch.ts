/** The fetch entry point: `createFetch`. */
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { compose } from './core/compose.ts';
import { createContext, type Middleware } from './core/context.ts';
import { setBodySource } from './core/engine/body-source.ts';
import { LazyAbortController } from './core/engine/lazy-abort.ts';
import { lazyGet, type RequestLike } from './core/engine/lazy-request.ts';
import { array, fn, knownKeys } from './core/options.ts';
import type { Storage } from './core/storage.ts';
import { emptyInit, noParts, partitionInit, type InitParts } from './request-init.ts';
import { retainSignal, withCallerSignal } from './lib/caller-signal.ts';
import { brand, transportHandler, type Fetch } from './transport.ts';

export interface PipelineOptions {
  /** The middleware, outermost first. @default [] */
  readonly use?: readonly Middleware[];
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage;
}

export interface FetchOptions extends PipelineOptions {
  /** The transport. It receives a Request. @default the global fetch, looked up at each call; for a GET without an init it receives the URL */
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

/**
 * A drop-in `fetch` with middleware. It resolves for every HTTP status, rejects with the error of fetch or of a policy, and
 * returns the transport's own Response.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function createFetch(options: FetchOptions = {}): KyoaFetch {
  knownKeys('createFetch', options, ['use', 'storage', 'fetch']);
  const { storage = memory(), fetch: transport } = options;
  if (transport !== undefined) fn('createFetch fetch', transport);
  // A copy: `dedupe` shares a response within one stack, and another transport may give another response.
  const use = [...array('createFetch use', options.use ?? [])];
  const pipeline = compose(use, transportHandler(transport));
  const ours = new Set([...callOptionNames, ...use.map(({ name }) => name)]);

  const send = (input: RequestInfo | URL, init: RequestInit & CallOptions = emptyInit): Promise<Response> => {
    // The members of a Request are getters, which `Object.entries` does not list.
    if (init instanceof Request) return send(new Request(input, init), { signal: init.signal });
    const { signal, options, ...members } = init === emptyInit ? noParts : partitionInit(init, ours);
    const caller = signal === undefined && input instanceof Request ? retainSignal(input) : signal;
    // The platform refuses what is not a signal.
    const bad = caller && !(caller instanceof AbortSignal) ? { signal: caller } : undefined;
    const given = bad === undefined ? asGiven(input, members) : undefined;
    const request = given ?? new Request(input, { ...members.transport, ...members.request, ...bad });
    if (members.request.body != null) setBodySource(request as Request, members.request.body);
    const call = { options, init: members.transport, storage, side: 'client', stack: use } as const;
    const run = (own: LazyAbortController): Promise<Response> => pipeline(createContext(call, request, own));
    return caller ? withCallerSignal(caller, run) : run(new LazyAbortController());
  };
  // Not async: an async function waits once more for a promise that it returns.
  const fetch: typeof send = (input, init) => {
    try {
      return send(input, init);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  return asKyoaFetch(fetch, ({ use: change, ...others }) =>
    createFetch({ storage, ...(transport && { fetch: transport }), ...others, use: extendStack(use, change) }),
  );
}

export function asKyoaFetch(
  fetch: (input: RequestInfo | URL, init?: RequestInit & CallOptions) => Promise<Response>,
  extend: KyoaFetch['extend'],
): KyoaFetch {
  return Object.assign(fetch, { extend, [brand]: true });
}

export function extendStack(stack: readonly Middleware[], change: FetchExtension['use']): readonly Middleware[] {
  if (typeof change === 'function') return change(stack);
  return change === undefined ? stack : [...stack, ...change];
}

/** A call of which no Request need be created. */
function asGiven(
  input: RequestInfo | URL,
  { request, transport }: Pick<InitParts, 'request' | 'transport'>,
): RequestLike | undefined {
  if (request !== noParts.request && Object.keys(request).length > 0) return undefined;
  if (input instanceof Request) return input;
  return transport === noParts.transport || Object.keys(transport).length === 0 ? lazyGet(input) : undefined;
}
