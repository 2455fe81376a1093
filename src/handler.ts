/** The handler entry point: `createHandler`. */
import { memory } from '../adapters/storage/memory.ts';
import type { CallOptions } from './call-options.ts';
import { compose } from './core/compose.ts';
import { createContext, type Context } from './core/context.ts';
import { GivenRequest } from './core/engine/lazy-request.ts';
import { array, fn, knownKeys } from './core/options.ts';
import type { PipelineOptions } from './fetch.ts';
import { withoutWatch } from './lib/body/watch.ts';
import { withCallerSignal } from './lib/caller-signal.ts';

export interface KyoaHandler {
  (request: Request): Promise<Response>;
  /** The same handler with per-call overrides: `handle.with({ timeout: 60_000 })`. */
  with(options: CallOptions): KyoaHandler;
}

/**
 * Runs middleware around a `(request) => Response` function, on the server. The result is used wherever such a function
 * is; further arguments that a platform passes are ignored. The call is aborted with the request's own signal.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function createHandler(
  options: PipelineOptions,
  handler: (request: Request, ctx: Context) => Response | Promise<Response>,
): KyoaHandler {
  knownKeys('createHandler', options, ['use', 'storage']);
  const { storage = memory() } = options;
  const use = [...array('createHandler use', options.use ?? [])];
  fn('createHandler handler', handler);
  const pipeline = compose(use, async (ctx) => handler(ctx.request, ctx));

  const withOptions = (options: CallOptions): KyoaHandler => {
    const call = { options: { ...options }, transport: {}, storage, side: 'server', stack: use } as const;
    const handle = (request: Request): Promise<Response> =>
      // A platform reads the body without calling the members of the Response: it needs one that is not watched.
      withCallerSignal(request.signal, (own) => pipeline(createContext(call, new GivenRequest(request), own))).then(
        withoutWatch,
      );
    return Object.assign(handle, { with: (more: CallOptions) => withOptions({ ...options, ...more }) });
  };
  return withOptions({});
}
