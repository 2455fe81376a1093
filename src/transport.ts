/** The terminal of a pipeline: it passes the request to a fetch and emits the events of the attempt. */
import type { RequestInfo } from './core/engine/fetch-types.ts';
import { isResponse } from './core/compose.ts';
import { attemptOf, type Handler, type Context } from './core/context.ts';
import { NeverAborted } from './core/engine/lazy-abort.ts';
import { bodyArrival, sendRequest, type KyoaTransport } from './core/engine/transport-protocol.ts';
import { expectLength } from './lib/body/watch.ts';
import { isCancelled } from './telemetry/semantic-conventions.ts';

/**
 * The signature of fetch alone, without the further members that some runtimes give their `fetch`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md
 */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** Marks a kyoa fetch, also one of another copy of this module. */
export const brand: unique symbol = Symbol.for('kyoa.fetch') as never;

const fetchAtImport: Fetch | undefined = globalThis.fetch;

/** Looked up at each call, so that mocks work. A global that was replaced by a kyoa fetch must not call itself. */
function globalFetch(): Fetch {
  return brand in globalThis.fetch ? fetchAtImport! : globalThis.fetch;
}

/**
 * Next's fetch serves a second GET of a rendering from its memo of the first, also if that was a 503. It passes by the memo
 * for a `keepalive` request; a signal is not enough, because Next drops the one beside a Request. Node's fetch ignores it.
 */
const passNextMemo: RequestInit = { keepalive: true };

/** Without a transport, requests go to the global fetch. */
export function transportHandler(transport: Fetch | undefined): Handler {
  const send: Handler = (ctx) => {
    const fetch: Fetch & Partial<KyoaTransport> = transport ?? globalFetch();
    const { requestLike, abortSource, call } = attemptOf(ctx);
    const again = call.sent && '__nextPatched' in fetch && requestLike.body === null;
    call.sent += 1;
    if (fetch[sendRequest] !== undefined) return fetch[sendRequest](requestLike, abortSource);
    const signal = abortSource instanceof NeverAborted ? undefined : { signal: abortSource.signal };
    const [input, init] = requestLike.fetchArguments({ ...call.transport, ...signal, ...(again && passNextMemo) });
    return fetch.call(globalThis, input, init);
  };
  const receive = transport === undefined || sendRequest in transport ? unchanged : withLength;
  return (ctx) => {
    if (ctx.observers.length > 0) return observed(send, receive, ctx);
    return receive === unchanged ? send(ctx) : promiseOf(send, ctx).then((response) => receive(response, ctx));
  };
}

type Receive = (response: Response, ctx: Context) => Response;

const unchanged: Receive = (response) => response;

/**
 * A platform's fetch fails a body that is shorter than its Content-Length, and `undici()` does. Another transport need not.
 * The length of an encoded body is not that of its content, and a browser hides the encoding of a response across origins.
 */
function withLength(response: Response, { method }: Context): Response {
  if (!isResponse(response) || bodyArrival in response) return response; // compose reports what is no Response
  if (method === 'HEAD' || response.type === 'cors') return response;
  const length = Number(response.headers.get('content-length'));
  if (length > 0 && !response.headers.has('content-encoding')) expectLength(response, length);
  return response;
}

function observed(send: Handler, receive: Receive, ctx: Context): Promise<Response> {
  const { attempt, method, url } = ctx;
  ctx.emit({ type: 'attempt.sent', attempt, method, url });
  const started = performance.now();
  const duration = (): number => performance.now() - started;
  return promiseOf(send, ctx).then(
    (response) => {
      if (!isResponse(response)) return response; // compose reports it
      const { status } = response;
      ctx.emit({ type: 'attempt.answered', attempt, method, url, status, duration: duration() });
      return receive(response, ctx);
    },
    (error: unknown) => {
      const aborted = isCancelled(ctx, error) && ({ aborted: true } as const);
      ctx.emit({ type: 'attempt.failed', attempt, method, url, error, ...aborted, duration: duration() });
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
