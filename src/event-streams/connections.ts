/** The connections of an event stream, one after another. */
import { sleep } from '../core/engine/timers.ts';
import { runHarmless } from '../core/engine/user-function.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import { discard } from '../lib/body/discard.ts';
import { noop } from '../lib/noop.ts';
import { abortable } from './abortable.ts';
import { checkEventStream } from './event-stream-error.ts';
import { isTemporary, pauseAfter, responseOf } from './interruption.ts';
import type { ParsedEvent, ServerSentEvent } from './parser.ts';
import { readEvents } from './read-events.ts';
import { RepeatedEvents } from './repeated-events.ts';

/**
 * What the `listener` of `events()` receives, say to show whether a page is up to date.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/event-streams.md#the-state-of-the-connection
 */
export type EventStreamChange =
  | {
      /** The server has accepted the connection. */
      readonly type: 'events.opened';
      /** The reconnects since the last event; 0 for the first connection. */
      readonly reconnect: number;
      /** What was sent as `Last-Event-ID`; `''` if nothing was. */
      readonly lastEventId: string;
    }
  | {
      /** The connection has ended, or there was none, and another one follows. */
      readonly type: 'events.interrupted';
      /** 1 for the first reconnect since the last event. */
      readonly reconnect: number;
      /** What the next connection will send as `Last-Event-ID`. */
      readonly lastEventId: string;
      /** Until the next connection, ms. */
      readonly delay: number;
      /** Absent if the server has closed the stream without a fault. */
      readonly error?: unknown;
    };

export interface ConnectionOptions {
  readonly from: string;
  readonly wait: number;
  readonly backoff: Backoff | undefined;
  readonly reconnects: number;
  readonly silence: number;
  readonly listener: ((change: EventStreamChange) => void) | undefined;
  readonly random: () => number;
  /** Whether the request may be sent again. */
  readonly isResumable: (lastEventId: string) => boolean;
  readonly connect: Connect;
}

type Connect = (lastEventId: string, signal: AbortSignal) => PromiseLike<Response>;

/** ms. What the server itself wishes may be longer. */
const longestBackoff = 30_000;
/** ms. A server may wish `retry: 0`, and then close each connection at once. */
const leastWait = 100;

/** The events of all connections. When `stop` aborts, the generator rejects with its reason. */
export async function* connections(
  options: ConnectionOptions,
  stop: AbortSignal,
): AsyncGenerator<ServerSentEvent, void> {
  const { connect, isResumable, listener, random, silence } = options;
  const repeated = new RepeatedEvents();
  const queue: ServerSentEvent[] = [];
  let lastEventId = options.from;
  let idBefore = lastEventId;
  let wished: number | undefined;
  /** Since the last event. That a server accepts a connection proves nothing: it may close each of them at once. */
  let reconnect = 0;

  const notify = (change: EventStreamChange): void => {
    if (listener !== undefined) runHarmless('listener of events()', listener, change);
  };
  const delayAfter = (error: unknown): number => {
    const wait = wished === undefined ? options.wait : Math.max(wished, leastWait);
    const { backoff = exponential(wait, longestBackoff) } = options;
    return Math.max(wished ?? 0, pauseAfter(error)) + backoff(reconnect, random);
  };
  const handlers = {
    onId(id: string) {
      idBefore = lastEventId;
      lastEventId = id;
    },
    onEvent(event: ParsedEvent) {
      if (repeated.isRepeat(event)) lastEventId = idBefore;
      else queue.push({ ...event, id: lastEventId });
    },
    onRetry: (ms: number) => void (wished = ms),
  };

  for (;;) {
    const connection = new AbortController();
    const abort = (): void => connection.abort(stop.reason);
    stop.addEventListener('abort', abort);
    let opened = false;
    let failure: { readonly error: unknown } | undefined;
    try {
      stop.throwIfAborted();
      const response = await open(connect, lastEventId, connection.signal);
      if (response === undefined) return;
      const chunks = readEvents(response, { connection, silence, ...handlers });
      opened = true;
      notify({ type: 'events.opened', reconnect, lastEventId });
      repeated.connected();
      for await (const _ of chunks) {
        for (const event of queue.splice(0)) {
          stop.throwIfAborted();
          reconnect = 0;
          yield event;
        }
      }
    } catch (error) {
      stop.throwIfAborted();
      failure = { error };
    } finally {
      stop.removeEventListener('abort', abort);
    }

    reconnect += 1;
    const mayReconnect = isResumable(lastEventId) && reconnect <= options.reconnects;
    if (failure !== undefined && !(mayReconnect && isTemporary(failure.error, opened))) throw failure.error;
    if (!mayReconnect) return;
    const refusal = responseOf(failure?.error);
    if (refusal !== undefined) discard(refusal);
    const delay = delayAfter(failure?.error);
    notify({ type: 'events.interrupted', reconnect, lastEventId, delay, ...failure });
    await sleep(delay, stop);
  }
}

/** The response of the server; `undefined` if it has nothing to send and wishes no further connection. */
async function open(connect: Connect, lastEventId: string, signal: AbortSignal): Promise<Response | undefined> {
  const connecting = Promise.resolve(connect(lastEventId, signal));
  const response = await abortable(connecting, signal).catch((error: unknown) => {
    connecting.then(discard).catch(noop);
    throw error;
  });
  if (response.status === 204) return undefined;
  checkEventStream(response);
  return response;
}
