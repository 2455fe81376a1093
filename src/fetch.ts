/** Two faces of the pipeline that speak plain fetch: `createFetch` on the near side of the wire, `createHandler` on the far one. */
import { emptyInit, noParts, partitionInit, type InitParts } from './init.ts';
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { setBodySource } from './core/engine/body-source.ts';
import { LazyAbortController } from './core/engine/lazy-abort.ts';
import { compose } from './core/compose.ts';
import { createContext, type Middleware } from './core/context.ts';
import { fn, array, knownKeys } from './core/options.ts';
import { lazyGet, type RequestLike } from './core/engine/lazy-request.ts';
import type { Storage } from './core/storage.ts';
import { retainSignal, withCallerSignal } from './lib/signal.ts';
import { brand, transportHandler, type Fetch } from './transport.ts';

export interface PipelineOptions {
  /** The onion, first is outermost. @default [] */
  readonly use?: readonly Middleware[];
  /** Where policies keep what outlives a call. @default memory() */
  readonly storage?: Storage;
}

export interface FetchOptions extends PipelineOptions {
  /** The transport, which is handed a Request. @default the global fetch, looked up at each call; a GET and nothing else is its URL to it */
  readonly fetch?: Fetch;
}

/** `use` in full, or a function of the present stack. */
export type FetchExtension = Omit<FetchOptions, 'use'> & {
  /** Middlewares to add inside the present ones, or a function from the present stack to the new one. */
  readonly use?: readonly Middleware[] | ((stack: readonly Middleware[]) => readonly Middleware[]);
};

export interface KyoaFetch {
  (input: RequestInfo | URL, init?: RequestInit & CallOptions): Promise<Response>;
  /** A new fetch with the same policies, storage and transport, but for what is given. */
  extend(extension: FetchExtension): KyoaFetch;
}

/**
 * A drop-in `fetch`: resolves for every HTTP status, rejects with exactly what fetch would have thrown or with the
 * error of a policy, and hands out the transport's own Responses.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function createFetch(options: FetchOptions = {}): KyoaFetch {
  knownKeys('createFetch', options, ['use', 'storage', 'fetch']);
  const { storage = memory(), fetch: transport } = options;
  if (transport !== undefined) fn('createFetch fetch', transport);
  // A copy: by its stack a policy knows what may share an answer, and another transport may well give another one.
  const use = [...array('createFetch use', options.use ?? [])];
  const pipeline = compose(use, transportHandler(transport));
  const ours = new Set([...callOptionNames, ...use.map(({ name }) => name)]);

  const send = (input: RequestInfo | URL, init: RequestInit & CallOptions = emptyInit): Promise<Response> => {
    // Its members are getters, which a loop over an object does not see.
    if (init instanceof Request) return send(new Request(input, init), { signal: init.signal });
    const { signal, options, ...members } = init === emptyInit ? noParts : partitionInit(init, ours);
    const caller = signal === undefined && input instanceof Request ? retainSignal(input) : signal;
    // A Request that follows a signal follows it weakly; what is no signal gets the platform's own complaint.
    const bad = caller && !(caller instanceof AbortSignal) ? { signal: caller } : undefined;
    const asked = bad === undefined ? asIs(input, members) : undefined;
    const request = asked ?? new Request(input, { ...members.transport, ...members.request, ...bad });
    if (members.request.body) setBodySource(request as Request, members.request.body);
    const call = { options, init: members.transport, storage, side: 'client', stack: use } as const;
    const run = (own: LazyAbortController): Promise<Response> => pipeline(createContext(call, request, own));
    return caller ? withCallerSignal(caller, run) : run(new LazyAbortController());
  };
  // Not async: what an async function returns, if it is a promise, is waited for once more.
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

/** Where no Request need be made. */
function asIs(
  input: RequestInfo | URL,
  { request, transport }: Pick<InitParts, 'request' | 'transport'>,
): RequestLike | undefined {
  if (request !== noParts.request && Object.keys(request).length > 0) return undefined;
  if (input instanceof Request) return input;
  return transport === noParts.transport || Object.keys(transport).length === 0 ? lazyGet(input) : undefined;
}
