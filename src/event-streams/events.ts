/** Event streams that reconnect: `events`. */
import { isResponse } from '../core/compose.ts';
import { KyoaError } from '../core/errors.ts';
import { boolean, count, delay, duration, fn, invalid, object, text, type Shape } from '../core/options.ts';
import type { Backoff } from '../lib/backoff.ts';
import { noop } from '../lib/noop.ts';
import { connections, type ConnectionOptions, type EventStreamChange } from './connections.ts';
import type { ServerSentEvent } from './parser.ts';
import { requestOf, type CallInit, type EventsApi } from './request.ts';

/**
 * The options of `events()`, beside those of a call. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md#options
 */
export interface EventsOptions {
  /** The id of the last event that the program has, say from its storage: the first request has it as `Last-Event-ID`. @default '' */
  readonly from?: string | undefined;
  /** The base of the backoff, until the server sends `retry:`. @default 3_000 */
  readonly wait?: number | undefined;
  /** The delay before a reconnect, in addition to the `retry:` of the server. `retry` is 1 for the first reconnect since the last event. @default exponential(wait, 30_000) */
  readonly backoff?: Backoff | undefined;
  /** The most reconnects since the last event; then the last error is thrown. 0: one connection. @default Infinity */
  readonly reconnects?: number | undefined;
  /** Whether the request may be sent again, once an event with an id has come. A GET may be in any case. @default true for GET, false for any other method */
  readonly resumable?: boolean | undefined;
  /** The longest time without a byte. A comment is some, so a server may send one as a heartbeat. @default Infinity; the `idle` of `timeout` applies */
  readonly silence?: number | undefined;
  /** Receives each change of the connection. An error that it throws does not affect the stream. */
  readonly listener?: ((change: EventStreamChange) => void) | undefined;
  /** Its abort ends the iteration at once with its reason, also in the delay before a reconnect. */
  readonly signal?: AbortSignal | null | undefined;
  /** Draws from [0, 1) for the jitter. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * The events of a stream, for `for await`. It connects when the first event is asked for.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md
 */
export interface EventStream extends AsyncIterableIterator<ServerSentEvent> {
  /** Closes the connection and ends the iteration, as `break` does. A pending `next()` resolves to the end. */
  return(): Promise<IteratorResult<ServerSentEvent>>;
}

/**
 * The events of a response, by the rules of the HTML standard §9.2. It reads to the end of the body and sends nothing. The
 * next chunk is read when the program wants the next event.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The iteration rejects with `EventStreamError` (`EVENT_STREAM`) for a response that
 * is no event stream, and with the error of the body.
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { events } from 'kyoa/events';
 *
 * const response = await kyoa.post('https://api.example.com/chat', { json: { prompt: 'Hello' } });
 * for await (const { data } of events(response)) console.log(data);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md
 */
export function events(response: Response): EventStream;
/**
 * The events of a stream that goes on when its connection ends, as those of an `EventSource` (HTML §9.2). A new connection
 * has the id of the last event as `Last-Event-ID`, so that the server continues after it. Each connection is a call of
 * `api`: it has the retries, the breaker, the token and the endpoints of any other call.
 *
 * It reconnects after a network error, an expired limit, a circuit that is open, the statuses 408, 429, 500, 502, 503 and 504,
 * and an end of the stream. The status 204 ends the iteration. Any other status or content type, and any other error, is
 * thrown. The backoff grows until an event comes. Events that the server repeats after a reconnect are left out. A request
 * of another method than GET is sent again only if it is `resumable`, and an event with an id has come.
 *
 * @throws {KyoaError} `INVALID_OPTION`. The iteration rejects with `EventStreamError` (`EVENT_STREAM`), the client's
 * `HTTPError`, the error of a policy, or the reason of `signal`.
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { events } from 'kyoa/events';
 *
 * for await (const { event, data, id } of events(kyoa, 'https://api.example.com/feed', { from: localStorage['last'] })) {
 *   console.log(event, data);
 *   localStorage['last'] = id;
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md
 */
export function events<Api extends EventsApi>(
  api: Api,
  url: string | URL | Request,
  options?: EventsOptions & Omit<OptionsOf<Api>, keyof EventsOptions>,
): EventStream;
export function events(
  api: Response | EventsApi,
  url?: string | URL | Request,
  options: CallInit & EventsOptions = {},
): EventStream {
  if (isResponse(api)) return eventStream(ofResponse(api as Response), null, api as Response);
  if (typeof api !== 'function') throw invalid('events api', api, 'a client, a fetch or a Response');
  if (typeof url !== 'string' && !isObject(url)) throw invalid('events url', url, 'a string, a URL or a Request');
  if (!isObject(options)) throw invalid('events options', options, 'an object');
  const { from, wait, backoff, reconnects, resumable, silence, listener, random, signal, ...init } = options;
  if (signal != null && !(signal instanceof AbortSignal)) throw invalid('events signal', signal, 'an AbortSignal');
  const settings = object('events', { from, wait, backoff, reconnects, resumable, silence, listener, random }, shape);
  const request = requestOf(api, url, init, settings);
  return eventStream({ ...settings, ...request }, signal === undefined && url instanceof Request ? url.signal : signal);
}

/** The options of a call. */
type OptionsOf<Api> = Api extends (url: never, init?: infer Options extends object) => unknown ? Options : unknown;

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The one connection of a response that is there. */
function ofResponse(response: Response): ConnectionOptions {
  if (response.bodyUsed || response.body?.locked === true)
    throw new KyoaError('INVALID_OPTION', 'The body of the response has been read: pass a response that is unread');
  const connect = (): Promise<Response> => Promise.resolve(response);
  return { ...object('events', {}, shape), isResumable: () => false, connect };
}

/** `unread` is a response whose body `return()` cancels, also before the first `next()`. */
function eventStream(options: ConnectionOptions, signal?: AbortSignal | null, unread?: Response): EventStream {
  const stop = new AbortController();
  const generator = untilAborted(options, stop, signal);
  return {
    next: () => generator.next(),
    return() {
      stop.abort(left);
      void unread?.body?.cancel?.().catch(noop); // rejects if it is being read: then the generator ends it
      return generator.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The reason of a stream that its consumer has left. */
const left = Symbol('left');

/** The caller's signal has one listener, from the first event that is asked for to the end. */
async function* untilAborted(
  options: ConnectionOptions,
  stop: AbortController,
  signal?: AbortSignal | null,
): AsyncGenerator<ServerSentEvent, void> {
  const abort = (): void => stop.abort(signal?.reason);
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  try {
    yield* connections(options, stop.signal);
  } catch (error) {
    if (error !== left) throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

type Settings = Omit<ConnectionOptions, 'isResumable' | 'connect'> & { readonly resumable: boolean | undefined };

const shape: Shape<Settings> = {
  from: [eventId, ''],
  wait: [duration, 3_000],
  backoff: [fn, undefined, delay],
  reconnects: [count, Infinity],
  resumable: [boolean, undefined],
  silence: [duration, Infinity],
  listener: [fn, undefined],
  random: [fn, () => Math.random()],
};

function eventId(name: string, value: string): string {
  if (/[\0\r\n]/.test(text(name, value))) throw invalid(name, value, 'a string without NUL and line breaks');
  return value;
}
