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

/** Marks a kyoa fetch, also one of another copy of this module. The value is its storage. */
export const brand: unique symbol = Symbol.for('kyoa.fetch') as never;

const fetchAtImport: Fetch | undefined = globalThis.fetch;

/** Looked up at each call, so that mocks work. A global that was replaced by a kyoa fetch must not call itself. */
export function globalFetch(): Fetch {
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
  const checksLength = transport === undefined || sendRequest in transport;
  return (ctx) => (checksLength && ctx.observers.length === 0 ? send(ctx) : observed(send, checksLength, ctx));
}

/**
 * A platform's fetch fails a body that is shorter than its Content-Length, and `undici()` does. Another transport need not.
 * The length of an encoded body is not that of its content, and a browser hides the encoding of a response across origins.
 */
function withLength(response: Response, { method }: Context): Response {
  if (bodyArrival in response || method === 'HEAD' || response.type === 'cors') return response;
  const length = Number(response.headers.get('content-length'));
  if (length > 0 && !response.headers.has('content-encoding')) expectLength(response, length);
  return response;
}

async function observed(send: Handler, checksLength: boolean, ctx: Context): Promise<Response> {
  const { attempt, method, url } = ctx;
  const request = { attempt, method, url };
  ctx.emit({ type: 'attempt.sent', ...request });
  const started = performance.now();
  const duration = (): number => performance.now() - started;
  try {
    const response = await send(ctx);
    if (!isResponse(response)) return response; // compose reports it
    ctx.emit({ type: 'attempt.answered', ...request, status: response.status, duration: duration() });
    return checksLength ? response : withLength(response, ctx);
  } catch (error) {
    const aborted = isCancelled(ctx, error) && ({ aborted: true } as const);
    ctx.emit({ type: 'attempt.failed', ...request, error, ...aborted, duration: duration() });
    throw error;
  }
}
