/** What a scripted server says, and how it becomes a Response, or an error of the network. */
import { count, invalid, oneOf, delay, knownKeys } from '../core/options.ts';
import { byteStream, type Bytes } from '../lib/body/streams.ts';
import { createResponse } from '../lib/body/synthetic-response.ts';
import { sleep } from '../core/engine/timers.ts';

/**
 * `refused`: nobody listens. `reset`: the connection is closed before a byte of the answer. `hang`: no answer ever.
 * `cut`: the body breaks off after what was given of it. `stall`: after that there is silence.
 */
export type Fault = 'refused' | 'reset' | 'hang' | 'cut' | 'stall';

/** One answer. Of `json`, `text` and `chunks` one at most is the body. */
export interface Reply {
  /** 200 to 599. @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `application/json`, unless `headers` say otherwise. */
  readonly json?: unknown;
  /** Sent as `text/plain`, unless `headers` say otherwise. */
  readonly text?: string;
  /** Sent one after the other, strings as UTF-8. */
  readonly chunks?: readonly (string | Bytes)[];
  /** The pause after each chunk, ms. @default 0 */
  readonly gap?: number;
  /** Until the headers, or the fault, ms. @default 0 */
  readonly delay?: number;
  /** What goes wrong. @default nothing */
  readonly fault?: Fault;
  /** How many requests get it. @default 1, and without end for a reply that stands alone */
  readonly times?: number;
}

/** What became of an answer. */
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

/** Rejects with the signal's reason as soon as it aborts; `over` hears how it ended otherwise. */
export async function deliver(
  reply: Reply,
  url: string,
  signal: AbortSignal,
  over: (ending: Ending) => void,
): Promise<Response> {
  const { status = 200, gap = 0, delay = 0, fault } = reply;
  await sleep(delay, signal);
  if (fault === 'hang') return never(signal);
  if (fault === 'refused' || fault === 'reset') {
    over('failed');
    throw networkErrors[fault]();
  }

  const { type, chunks } = bodyOf(reply);
  const left = chunks.map((chunk) => (typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk.slice()));
  let begun = false;
  const next = async (): Promise<Bytes | undefined> => {
    if (begun) await sleep(gap, signal);
    begun = true;
    const chunk = left.shift();
    if (chunk !== undefined) return chunk;
    if (fault === 'stall') return never(signal);
    over(fault === 'cut' ? 'failed' : 'complete');
    if (fault === 'cut') throw networkErrors.cut();
    return undefined;
  };
  const hasBody = left.length > 0 || fault !== undefined;
  if (!hasBody) over('complete');
  const headers = [...new Headers({ ...type, ...reply.headers })];
  const head = { url, redirected: false, type: 'basic', status, statusText: '', headers } as const;
  return createResponse(head, hasBody ? byteStream(next, () => over('aborted')) : null);
}

function bodyOf({ json, text, chunks }: Reply): { type?: Record<string, string>; chunks: readonly (string | Bytes)[] } {
  if (json !== undefined) return { type: { 'content-type': 'application/json' }, chunks: [JSON.stringify(json)] };
  if (text !== undefined) return { type: { 'content-type': 'text/plain;charset=UTF-8' }, chunks: text ? [text] : [] };
  return { chunks: (chunks ?? []).filter(({ length }) => length > 0) };
}

/** As Node's fetch words them. */
const networkErrors = {
  refused: () => networkError('fetch failed', 'ECONNREFUSED', 'connect ECONNREFUSED'),
  reset: () => networkError('fetch failed', 'ECONNRESET', 'read ECONNRESET'),
  cut: () => networkError('terminated', 'UND_ERR_SOCKET', 'other side closed'),
};

function networkError(message: string, code: string, why: string): TypeError {
  return new TypeError(message, { cause: Object.assign(new Error(why), { code }) });
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
