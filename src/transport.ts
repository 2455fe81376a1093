/** The terminal of a pipeline: it passes the request to a fetch and emits the events of the attempt. */
import { isResponse } from './core/compose.ts';
import { attemptOf, type Handler, type Context } from './core/context.ts';
import { NeverAborted } from './core/engine/lazy-abort.ts';
import { sendRequest, type KyoaTransport } from './core/engine/transport-protocol.ts';

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
    const fetch: Fetch & Partial<KyoaTransport> = transport ?? globalFetch();
    const { requestLike, abortSource, shared } = attemptOf(ctx);
    if (fetch[sendRequest] !== undefined) return fetch[sendRequest](requestLike, abortSource);
    const signal = abortSource instanceof NeverAborted ? undefined : { signal: abortSource.signal };
    const [input, init] = requestLike.fetchArguments({ ...shared.settings.transport, ...signal });
    return fetch.call(globalThis, input, init);
  };
  return (ctx) => (ctx.observers.length === 0 ? send(ctx) : observed(send, ctx));
}

function observed(send: Handler, ctx: Context): Promise<Response> {
  const { attempt, method, url } = ctx;
  ctx.emit({ type: 'attempt.sent', attempt, method, url });
  const started = performance.now();
  const duration = (): number => performance.now() - started;
  return promiseOf(send, ctx).then(
    (response) => {
      if (!isResponse(response)) return response; // compose reports it
      const { status } = response;
      ctx.emit({ type: 'attempt.answered', attempt, method, url, status, duration: duration() });
      return response;
    },
    (error: unknown) => {
      ctx.emit({ type: 'attempt.failed', attempt, method, url, error, duration: duration() });
      throw error;
    },
  );
}

/** A transport may throw, or return something other than a promise. */
function promiseOf(handler: Handler, ctx: Context): Promise<Response> {
  try {
    return Promise.resolve(handler(ctx));
  } catch (error) {
    return Promise.reject(error);
  }
}
