/** The fetch entry point: `createFetch`. */
import type { RequestInfo } from './core/engine/fetch-types.ts';
import { memory } from '../adapters/storage/memory.ts';
import { callOptionNames, type CallOptions } from './call-options.ts';
import { compose, stackOf } from './core/compose.ts';
import {
  checkedBackground,
  createContext,
  type Background,
  type CallSettings,
  type Middleware,
} from './core/context.ts';
import { NeverAborted } from './core/engine/lazy-abort.ts';
import { requestOf, type RequestLike } from './core/engine/lazy-request.ts';
import { cancelStream, isStream } from './core/engine/request-body.ts';
import { fn, invalid, knownKeys, storage as checkedStorage } from './core/options.ts';
import type { Storage } from './core/storage.ts';
import { noNames, noParts, partitionInit, isUnused, type InitParts } from './request-init.ts';
import { retainSignal, withCallerSignal } from './lib/caller-signal.ts';
import { settle, unwrap } from './lib/outcome.ts';
import { brand, transportHandler, type Fetch } from './transport.ts';

/**
 * The options that every entry point has: the stack, the storage, and what receives background work.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md
 */
export interface PipelineOptions {
  /** The middleware, outermost first. @default [] */
  readonly use?: readonly Middleware[] | undefined;
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage | undefined;
  /**
   * Receives the work of a call that goes on after its response, such as the write of the latency history. On Workers it is
   * `waitUntil` of `cloudflare:workers`; without it, that work may end with the request. The promise never rejects.
   */
  readonly background?: Background | undefined;
}

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
  /** Middleware to add inside the present stack, or a function from the present stack to the new one. */
  readonly use?: readonly Middleware[] | ((stack: readonly Middleware[]) => readonly Middleware[]) | undefined;
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

/** Runs one call through a stack. */
export type Pipeline = (
  request: RequestLike,
  signal: AbortSignal | null | undefined,
  parts: Pick<InitParts, 'options' | 'transport'>,
) => Promise<Response>;

export function createPipeline({ use = [], storage = memory(), fetch, background }: FetchOptions): Pipeline {
  if (fetch !== undefined) fn('fetch', fetch);
  if (background !== undefined) checkedBackground(background);
  checkedStorage('storage', storage);
  // A copy: `dedupe` shares a response within one stack, and another transport may give another response.
  const stack = stackOf(use);
  const run = compose(stack, transportHandler(fetch));
  return (request, signal, { options, transport }) => {
    const call: CallSettings = { options, transport, storage, background, side: 'client', stack, sent: 0 };
    const response =
      signal == null
        ? run(createContext(call, request, new NeverAborted()))
        : withCallerSignal(signal, (own) => run(createContext(call, request, own)));
    const { body } = request;
    return body === null || (body !== undefined && !isStream(body)) ? response : cancelUnsent(request, call, response);
  };
}

/**
 * Cancels the stream of a request that the call has not sent, as fetch does when a call is aborted before it is sent. A
 * transport that has responded may read the stream later.
 */
async function cancelUnsent(request: RequestLike, call: CallSettings, response: Promise<Response>): Promise<Response> {
  const outcome = await settle(response);
  if (outcome.response && call.sent) return outcome.response;
  const body = request.body === undefined ? request.request.body : request.body;
  if (body instanceof ReadableStream && !body.locked) {
    void cancelStream(body.getReader(), request.header('content-type'), outcome.error);
  }
  return unwrap(outcome);
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
  const pipeline = createPipeline({ ...options, storage });

  return asKyoaFetch(fetchOf(pipeline, namesOf(use), overrides, use), ({ use: change, ...others }) =>
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
export function namesOf(use: readonly Middleware[]): ReadonlySet<string> {
  return new Set([...callOptionNames, ...use.map(({ name }) => name)]);
}

/**
 * A fetch that runs its calls through a pipeline. `names` are those of the overrides. An override that no policy of the stack
 * reads is reported once on the console and not refused: a library may pass an option of its own, such as `timeout`.
 */
export function fetchOf(
  pipeline: Pipeline,
  names: ReadonlySet<string>,
  overrides: boolean | string,
  use: readonly Middleware[],
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
        if (parts.options[name] && unseen.delete(name) && isUnused(name, use))
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

export function asKyoaFetch(fetch: PlainFetch, extend: KyoaFetch['extend']): KyoaFetch {
  return Object.assign(fetch, { extend, [brand]: true });
}

export function extendStack(stack: readonly Middleware[], change: FetchExtension['use']): readonly Middleware[] {
  if (change === undefined) return stack;
  if (Array.isArray(change)) return [...stack, ...(change as readonly Middleware[])];
  if (typeof change === 'function' && change.length < 2) return stackOf(change(stack));
  throw invalid('use', change, 'a list, such as [retry()], or a function from the present stack to the new one');
}
