/** The terminal of a pipeline: it passes the request to a fetch and emits the events of the attempt. */
import { abortSourceOf, requestLikeOf, type Context, type Handler } from './core/context.ts';
import { referrerOf } from './core/engine/derive-request.ts';
import { isUntouched } from './core/engine/lazy-request.ts';
import { abortSource } from './core/engine/transport-protocol.ts';

/** The signature of fetch alone, without the further members that some runtimes give their `fetch`. */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** Marks a kyoa fetch, also one of another copy of this module. */
export const brand: unique symbol = Symbol.for('kyoa.fetch') as never;

const fetchAtImport: Fetch | undefined = globalThis.fetch;

/** Looked up at each call, so that mocks work. A global that was replaced by a kyoa fetch must not call itself. */
function globalFetch(): Fetch {
  return brand in globalThis.fetch ? fetchAtImport! : globalThis.fetch;
}

/** Without a transport, requests go to the global fetch. */
export function transportHandler(transport: Fetch | undefined): Handler {
  const send: Handler = (ctx) => {
    const fetch = transport ?? globalFetch();
    const request = requestLikeOf(ctx);
    // kyoa's own transport takes a LazyGet, and the controller in place of its signal.
    if (abortSource in fetch) {
      const init = { ...initOf(ctx), [abortSource]: abortSourceOf(ctx) };
      return fetch(request as Request, init);
    }
    // The platform makes a Request of its own in any case, also of a Request.
    if (transport === undefined && isUntouched(request))
      return fetch.call(globalThis, request.url, { signal: ctx.signal });
    return fetch.call(globalThis, ctx.request, { ...initOf(ctx), signal: ctx.signal });
  };

  const sendObserved: Handler = (ctx) => {
    const { attempt, method, url } = ctx;
    ctx.emit({ type: 'attempt.sent', attempt, method, url });
    const started = performance.now();
    const duration = (): number => performance.now() - started;
    return promiseOf(send, ctx).then(
      (response) => {
        ctx.emit({ type: 'attempt.answered', attempt, method, url, status: response.status, duration: duration() });
        return response;
      },
      (error: unknown) => {
        ctx.emit({ type: 'attempt.failed', attempt, method, url, error, duration: duration() });
        throw error;
      },
    );
  };

  return (ctx) => (ctx.observers.length === 0 ? send(ctx) : sendObserved(ctx));
}

function initOf(ctx: Context): RequestInit {
  return isUntouched(requestLikeOf(ctx)) ? ctx.init : { ...ctx.init, ...referrerOf(ctx.request) };
}

/** A transport may throw, or return something other than a promise. */
function promiseOf(handler: Handler, ctx: Context): Promise<Response> {
  try {
    return Promise.resolve(handler(ctx));
  } catch (error) {
    return Promise.reject(error);
  }
}
