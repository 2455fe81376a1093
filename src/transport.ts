/** The innermost of the onion: hands the request to the transport, and tells of it. */
import { abortSource } from './core/engine/transport-protocol.ts';
import { requestLikeOf, abortSourceOf, type Context, type Handler } from './core/context.ts';
import { isUntouched } from './core/engine/lazy-request.ts';
import { referrerOf } from './core/engine/derive.ts';

/** The call signature alone: what runtimes hang on their `fetch` besides is not needed. */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** Marks a kyoa fetch, also one of another copy of this module. */
export const brand: unique symbol = Symbol.for('kyoa.fetch') as never;

const fetchAtImport: Fetch | undefined = globalThis.fetch;

/** Looked up at each call, so that mocks work; a global that was replaced by a kyoa fetch must not call itself. */
function globalFetch(): Fetch {
  return brand in globalThis.fetch ? fetchAtImport! : globalThis.fetch;
}

/** The terminal of a pipeline; without a transport the global fetch is it. */
export function transportHandler(transport: Fetch | undefined): Handler {
  const transmit: Handler = (ctx) => {
    const send = transport ?? globalFetch();
    if (abortSource in send) return sendAsked(send, ctx);
    const asked = requestLikeOf(ctx);
    // As the caller asked: the platform makes a Request of its own, also of a Request.
    if (transport === undefined && isUntouched(asked)) return send.call(globalThis, asked.url, { signal: ctx.signal });
    return send.call(globalThis, ctx.request, { ...ctx.init, ...referrerOf(ctx.request), signal: ctx.signal });
  };

  /** To a transport of ours. */
  const sendAsked = (send: Fetch, ctx: Context): Promise<Response> => {
    const asked = requestLikeOf(ctx);
    const branch = abortSourceOf(ctx);
    const init = isUntouched(asked)
      ? { [abortSource]: branch }
      : { ...ctx.init, ...referrerOf(ctx.request), [abortSource]: branch };
    return send(asked as Request, init);
  };

  // Not async, for what that costs; a transport may throw, or have no promise to give.
  const promised: Handler = (ctx) => {
    try {
      return Promise.resolve(transmit(ctx));
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const tell: Handler = (ctx) => {
    const { attempt } = ctx;
    const { method, url } = ctx;
    ctx.emit({ type: 'attempt.sent', attempt, method, url });
    const started = performance.now();
    const duration = (): number => performance.now() - started;
    return promised(ctx).then(
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

  return (ctx) => (ctx.observers.length === 0 ? transmit(ctx) : tell(ctx));
}
