/** The replies of a scripted server, and how one becomes a Response or a network error. */
import { count, invalid, oneOf, delay, knownKeys } from '../core/options.ts';
import { byteStream, type Bytes } from '../lib/body/streams.ts';
import { createResponse } from '../lib/body/synthetic-response.ts';
import { sleep } from '../core/engine/timers.ts';

/**
 * A fault of the network. `refused`: the connection is refused. `reset`: the connection is closed before the response.
 * `hang`: there is never a response. `cut`: the connection is closed after the given body. `stall`: after the given body
 * the response neither continues nor ends.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export type Fault = 'refused' | 'reset' | 'hang' | 'cut' | 'stall';

/**
 * One response, or one fault. At most one of `json`, `text` and `chunks` is the body.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export interface Reply {
  /** From 200 to 599. @default 200 */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A body of JSON. Its type is `application/json` unless `headers` has another one. */
  readonly json?: unknown;
  /** A body of text. Its type is `text/plain` unless `headers` has another one. */
  readonly text?: string | undefined;
  /** A body that is sent chunk by chunk, strings as UTF-8. */
  readonly chunks?: readonly (string | Bytes)[] | undefined;
  /** The time after each chunk, ms. @default 0 */
  readonly gap?: number | undefined;
  /** The time until the headers or the fault, ms. @default 0 */
  readonly delay?: number | undefined;
  /** The fault that occurs. @default none */
  readonly fault?: Fault | undefined;
  /** How many requests get this reply. @default 1, and without end for a reply that is not in a list */
  readonly times?: number | undefined;
}

/** How a reply has ended. */
export type Ending = 'complete' | 'failed' | 'aborted';

/** @throws {KyoaError} `INVALID_OPTION` */
export function checkReply(reply: Reply): void {
  knownKeys('reply', reply, ['status', 'headers', 'json', 'text', 'chunks', 'gap', 'delay', 'fault', 'times']);
  const { status = 200, gap = 0, fault, times = 1 } = reply;
  if (!(count('reply status', status, 200) <= 599)) throw invalid('reply status', status, 'from 200 to 599');
  delay('reply gap', gap);
  delay('reply delay', reply.delay ?? 0);
  count('reply times', times, 1);
  if (fault !== undefined) oneOf('reply fault', fault, ['refused', 'reset', 'hang', 'cut', 'stall']);
  const bodies = (['json', 'text', 'chunks'] as const).filter((name) => reply[name] !== undefined);
  if (bodies.length > 1) throw invalid('reply', bodies.join(' and '), 'given one body');
}

/** Rejects with the signal's reason as soon as it aborts. `ended` is called with every other ending. */
export async function deliver(
  reply: Reply,
  url: string,
  signal: AbortSignal,
  ended: (ending: Ending) => void,
): Promise<Response> {
  const { status = 200, gap = 0, delay = 0, fault } = reply;
  await sleep(delay, signal);
  if (fault === 'hang') return never(signal);
  if (fault === 'refused' || fault === 'reset') {
    ended('failed');
    throw networkErrors[fault]();
  }

  const { type, chunks } = bodyOf(reply);
  const remaining = chunks.map((chunk) =>
    typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk.slice(),
  );
  let started = false;
  const next = async (): Promise<Bytes | undefined> => {
    if (started) await sleep(gap, signal);
    started = true;
    const chunk = remaining.shift();
    if (chunk !== undefined) return chunk;
    if (fault === 'stall') return never(signal);
    ended(fault === 'cut' ? 'failed' : 'complete');
    if (fault === 'cut') throw networkErrors.cut();
    return undefined;
  };
  const hasBody = remaining.length > 0 || fault !== undefined;
  if (!hasBody) ended('complete');
  const headers = [...new Headers({ ...type, ...reply.headers })];
  const head = {
    url: url.split('#', 1)[0]!,
    redirected: false,
    type: 'basic',
    status,
    statusText: '',
    headers,
  } as const;
  return createResponse(head, hasBody ? byteStream(next, () => ended('aborted')) : null);
}

function bodyOf({ json, text, chunks }: Reply): { type?: Record<string, string>; chunks: readonly (string | Bytes)[] } {
  if (json !== undefined) return { type: { 'content-type': 'application/json' }, chunks: [JSON.stringify(json)] };
  if (text !== undefined) return { type: { 'content-type': 'text/plain;charset=UTF-8' }, chunks: text ? [text] : [] };
  return { chunks: (chunks ?? []).filter(({ length }) => length > 0) };
}

/** The errors of Node's fetch. */
const networkErrors = {
  refused: () => networkError('fetch failed', 'ECONNREFUSED', 'connect ECONNREFUSED'),
  reset: () => networkError('fetch failed', 'ECONNRESET', 'read ECONNRESET'),
  cut: () => networkError('terminated', 'UND_ERR_SOCKET', 'other side closed'),
};

function networkError(message: string, code: string, cause: string): TypeError {
  return new TypeError(message, { cause: Object.assign(new Error(cause), { code }) });
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
