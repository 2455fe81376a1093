/** Two faces of the pipeline that speak plain fetch: `createFetch` on the near side of the wire, `createHandler` on the far one. */
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, nothing, plainly, sort, type CallOptions } from './call-options.ts';
import { noteBody } from './core/engine/body-source.ts';
import { Branch } from './core/engine/lazy-abort.ts';
import { compose } from './core/compose.ts';
import { createContext, type Context, type Middleware } from './core/context.ts';
import { func, list, record } from './core/options.ts';
import { plainGet, type Asked } from './core/engine/lazy-request.ts';
import type { Storage } from './core/storage.ts';
import { plain } from './lib/body/watch.ts';
import { signalOf, underCaller } from './lib/signal.ts';
import { brand, transmitBy, type Fetch } from './transport.ts';

export interface FaceOptions {
  /** The onion, first is outermost. @default [] */
  readonly use?: readonly Middleware[];
  /** Where policies keep what outlives a call. @default memory() */
  readonly storage?: Storage;
}

export interface FetchOptions extends FaceOptions {
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
  record('createFetch', options, ['use', 'storage', 'fetch']);
  const { storage = memory(), fetch: transport } = options;
  if (transport !== undefined) func('createFetch fetch', transport);
  // A copy: by its stack a policy knows what may share an answer, and another transport may well give another one.
  const use = [...list('createFetch use', options.use ?? [])];
  const pipeline = compose(use, transmitBy(transport));
  const ours = new Set([...callOptionNames, ...use.map(({ name }) => name)]);

  const send = (input: RequestInfo | URL, init: RequestInit & CallOptions = nothing): Promise<Response> => {
    // Its members are getters, which a loop over an object does not see.
    if (init instanceof Request) return send(new Request(input, init), { signal: init.signal });
    const { signal, standard, options, rest } = init === nothing ? plainly : sort(init, ours);
    const caller = signal === undefined && input instanceof Request ? signalOf(input) : signal;
    // A Request that follows a signal follows it weakly; what is no signal gets the platform's own complaint.
    const bad = caller && !(caller instanceof AbortSignal) ? { signal: caller } : undefined;
    const asked = bad === undefined ? asIs(input, standard, rest) : undefined;
    const request = asked ?? new Request(input, { ...rest, ...standard, ...bad });
    if (standard.body) noteBody(request as Request, standard.body);
    const call = { options, init: rest, storage, side: 'client', stack: use } as const;
    const run = (own: Branch): Promise<Response> => pipeline(createContext(call, request, own));
    return caller ? underCaller(caller, run) : run(new Branch());
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

/** The same onion on the server side of the wire. */
export interface KyoaHandler {
  (request: Request): Promise<Response>;
  /** The handler with overrides for the calls that go through it: `handle.with({ timeout: 60_000 })`. */
  with(options: CallOptions): KyoaHandler;
}

/**
 * Puts the onion around a `(request) => Response` function; the result mounts wherever such a function does, and takes
 * no notice of further arguments that a platform may pass. The call is aborted with the request's own signal.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function createHandler(
  options: FaceOptions,
  handler: (request: Request, ctx: Context) => Response | Promise<Response>,
): KyoaHandler {
  record('createHandler', options, ['use', 'storage']);
  const { storage = memory() } = options;
  const use = [...list('createHandler use', options.use ?? [])];
  func('createHandler handler', handler);
  const pipeline = compose(use, async (ctx) => handler(ctx.request, ctx));

  const withOptions = (options: CallOptions): KyoaHandler => {
    const call = { options: { ...options }, init: {}, storage, side: 'server', stack: use } as const;
    const handle = (request: Request): Promise<Response> =>
      // A platform reads the body from within, past the members that say how far it is: it gets a plain Response.
      underCaller(request.signal, (own) => pipeline(createContext(call, request, own))).then(plain);
    return Object.assign(handle, { with: (more: CallOptions) => withOptions({ ...options, ...more }) });
  };
  return withOptions({});
}

export function extendStack(stack: readonly Middleware[], change: FetchExtension['use']): readonly Middleware[] {
  if (typeof change === 'function') return change(stack);
  return change === undefined ? stack : [...stack, ...change];
}

/** Where no Request need be made. */
function asIs(input: RequestInfo | URL, standard: RequestInit, rest: object): Asked | undefined {
  if (standard !== plainly.standard && Object.keys(standard).length > 0) return undefined;
  if (input instanceof Request) return input;
  return rest === plainly.rest || Object.keys(rest).length === 0 ? plainGet(input) : undefined;
}
