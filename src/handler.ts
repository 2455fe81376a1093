/** The pipeline on the server side: `createHandler`. */
import { memory } from '../adapters/storage/memory.ts';
import type { CallOptions } from './call-options.ts';
import { compose } from './core/compose.ts';
import { createContext, type Context } from './core/context.ts';
import { array, fn, knownKeys } from './core/options.ts';
import type { PipelineOptions } from './fetch.ts';
import { withoutWatch } from './lib/body/watch.ts';
import { withCallerSignal } from './lib/signal.ts';

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
  options: PipelineOptions,
  handler: (request: Request, ctx: Context) => Response | Promise<Response>,
): KyoaHandler {
  knownKeys('createHandler', options, ['use', 'storage']);
  const { storage = memory() } = options;
  const use = [...array('createHandler use', options.use ?? [])];
  fn('createHandler handler', handler);
  const pipeline = compose(use, async (ctx) => handler(ctx.request, ctx));

  const withOptions = (options: CallOptions): KyoaHandler => {
    const call = { options: { ...options }, init: {}, storage, side: 'server', stack: use } as const;
    const handle = (request: Request): Promise<Response> =>
      // A platform reads the body from within, past the members that say how far it is: it gets a plain Response.
      withCallerSignal(request.signal, (own) => pipeline(createContext(call, request, own))).then(withoutWatch);
    return Object.assign(handle, { with: (more: CallOptions) => withOptions({ ...options, ...more }) });
  };
  return withOptions({});
}
