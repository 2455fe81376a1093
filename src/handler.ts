/** The handler entry point: `createHandler`. */
import type { CallOptions } from './call-options.ts';
import type { Context } from './core/context.ts';
import { GivenRequest } from './core/engine/lazy-request.ts';
import { defined, fn, invalid, knownKeys } from './core/options.ts';
import { withoutWatch } from './lib/body/watch.ts';
import { createPipeline, type PipelineOptions } from './pipeline.ts';
import { refuseUnused } from './request-init.ts';

/**
 * A request handler with middleware, as `createHandler()` returns it. It resolves to the response for a Request.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/idempotency.md#the-handler
 */
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
 * @example
 * ```ts
 * const handle = createHandler({ use: [limit({ concurrency: 100 }), timeout(10_000)] }, async (request) => {
 *   return Response.json({ path: new URL(request.url).pathname });
 * });
 * const response = await handle(new Request('https://shop.example/orders'));
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md#three-entry-points
 */
export function createHandler(
  options: PipelineOptions,
  handler: (request: Request, ctx: Context) => Response | Promise<Response>,
): KyoaHandler {
  const members = ['use', 'storage', 'background'];
  knownKeys('createHandler', options, members, 'called with { use: [] } and then the handler');
  const { use = [] } = options;
  fn('createHandler handler', handler);
  const pipeline = createPipeline(options, 'server', async (ctx) => handler(ctx.request, ctx));

  const withOptions = (options: CallOptions): KyoaHandler => {
    const parts = { options: { ...options }, transport: {} };
    const handle = async (request: Request): Promise<Response> => {
      if (typeof request?.headers?.get !== 'function') {
        throw invalid(
          'the request of a handler',
          request,
          'a Request, which getRequestListener of @hono/node-server makes of one of node:http',
        );
      }
      // A Request that is not the platform's may have no signal.
      const signal = request.signal as AbortSignal | null | undefined;
      const response = await pipeline(new GivenRequest(request), signal, parts);
      // A platform reads the body without calling the members of the Response: it needs one that is not watched.
      return withoutWatch(response);
    };
    const withMore = (more: CallOptions): KyoaHandler => {
      refuseUnused({ ...more }, use);
      return withOptions({ ...options, ...defined(more) });
    };
    return Object.assign(handle, { with: withMore });
  };
  return withOptions({});
}
