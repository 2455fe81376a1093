/** One request on the wire and its response, as undici reports them, within the limits of each phase. */
import { errors, type Dispatcher } from 'undici';

import { maxDrainedBody, maxDrainTime, resetCodes } from '../../../src/core/engine/http-constants.ts';
import type { LinkedList, ListNode } from './linked-list.ts';
import { TimeoutError, type TimeoutPhase } from '../../../src/core/errors.ts';
import type { OriginSettings } from './options.ts';
import { PhaseTimer } from './phase-timer.ts';
import type { RequestBody } from './request-body.ts';
import type { BodySink, BodySource } from './response-body.ts';
import type { RawHeaders } from './response-headers.ts';

/** The request of an exchange. */
export interface ExchangeRequest {
  readonly method: string;
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Names and values alternate. */
  readonly headers: readonly string[];
  readonly body: RequestBody | undefined;
  /** Whether the method or an idempotency key permits a second transmission. */
  readonly replayable: boolean;
  /** Whether the request needs a new connection. */
  readonly isolated: boolean;
}

/** Receives the response of an exchange, or its error. */
export interface ResponseHandler {
  /** The headers have arrived. The sink takes the body; without a sink the body is discarded. */
  onHeaders(status: number, statusText: string, headers: RawHeaders): BodySink | undefined;
  /** The exchange has ended before the headers. */
  onError(error: Error): void;
}

/** The pool of an exchange, as far as the exchange depends on it. */
export interface ExchangeQueue {
  readonly settings: OriginSettings;
  /** The exchange has ended before it had a connection. */
  withdraw(exchange: Exchange): void;
}

/** One socket of a connection. What happens to it concerns only the exchanges that it carries. */
export interface SocketState {
  /** Whether a response has arrived on it. */
  used: boolean;
  failure: Error | undefined;
  /** When the first exchange had to leave it, on the clock of `performance.now()`. */
  leftAt: number | undefined;
}

/** The connection that runs an exchange, as far as the exchange depends on it. */
export interface ExchangeConnection {
  /** The present socket. */
  readonly socket: SocketState;
  /** The response has arrived whole: the connection can run another exchange. */
  completed(exchange: Exchange): void;
  /** The exchange has ended without a whole response. */
  failed(exchange: Exchange): void;
  /** The exchange must run again, on a connection that it permits. */
  replay(exchange: Exchange): void;
}

export class Exchange implements Dispatcher.DispatchHandler, BodySource, ListNode<Exchange> {
  list: LinkedList<Exchange> | undefined;
  prev: Exchange | undefined;
  next: Exchange | undefined;
  /** When the exchange got its connection, on the clock of `performance.now()`. */
  heldSince = 0;
  onWire = false;
  /** The exchange needs a connection that began to open at this time or later, on the clock of `performance.now()`. */
  connectionSince = 0;
  readonly #request: ExchangeRequest;
  readonly #queue: ExchangeQueue;
  readonly #handler: ResponseHandler;
  readonly #headersTimer: PhaseTimer;
  #connection: ExchangeConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #sink: BodySink | undefined;
  /** The error of `fail`. undici may report further events after it. */
  #failure: Error | undefined;
  #replays = 0;
  /** The socket that carries the request, and whether it had carried a response before. */
  #socket: SocketState | undefined;
  #reused = false;
  /** Whether any byte of the response has arrived, and whether all of its headers have. */
  #responseStarted = false;
  #headersReceived = false;
  #ended = false;
  #discarded = 0;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(request: ExchangeRequest, queue: ExchangeQueue, handler: ResponseHandler) {
    this.#request = request;
    this.#queue = queue;
    this.#handler = handler;
    if (request.isolated) this.connectionSince = performance.now();
    const { headers } = queue.settings;
    this.#headersTimer = new PhaseTimer(headers, (elapsed) => this.#expire('headers', headers, elapsed));
  }

  /** The exchange has this connection from now on. */
  hold(connection: ExchangeConnection): void {
    this.#connection = connection;
    this.heldSince = performance.now();
  }

  /** Returns the request that is to be dispatched on the connection, with the exchange as the handler. */
  open(): Dispatcher.DispatchOptions {
    const { method, body, replayable: idempotent } = this.#request;
    const { path, headers } = this.#target();
    const options = { method, path, headers, body: body && this.#limited(body.open()), idempotent };
    return options as Dispatcher.DispatchOptions;
  }

  /** Ends the exchange in any phase. The handler or the sink gets exactly this error. */
  fail(error: Error): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#failure = error;
    if (this.#controller !== undefined) return this.#controller.abort(error);
    this.#finish(error);
    if (this.#connection === undefined) this.#queue.withdraw(this);
    else this.#connection.failed(this);
  }

  /** Ends an exchange that was never queued. */
  refuse(error: Error): void {
    this.#finish(error);
  }

  /** Ends the exchange because the rest of the body is not wanted. */
  cancel(): void {
    this.fail(new errors.RequestAbortedError('The body was cancelled'));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#ended) this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) return controller.abort(this.#failure!);
    this.#controller = controller;
    this.onWire = true;
    this.#socket = this.#connection!.socket;
    this.#reused = this.#socket.used;
  }

  onRequestSent(): void {
    if (!this.#headersReceived && !this.#ended) this.#headersTimer.start();
  }

  onResponseStarted(): void {
    this.#responseStarted = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: RawHeaders,
    statusText = '',
  ): void {
    if (status < 200) return;
    this.#headersTimer.stop();
    this.#headersReceived = true;
    this.#sink = this.#handler.onHeaders(status, statusText, headers);
    if (this.#sink === undefined) this.#drainTimer = setTimeout(() => this.cancel(), maxDrainTime).unref();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink !== undefined) return this.#sink.push(chunk);
    this.#discarded += chunk.length;
    if (this.#discarded > maxDrainedBody) this.cancel();
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    const socket = this.#socket!;
    if (socket.failure !== undefined) return this.onResponseError(undefined, socket.failure);
    socket.used = true;
    this.#ended = true;
    clearTimeout(this.#drainTimer);
    this.#sink?.end();
    this.#connection!.completed(this);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#ended) return;
    // A server may close an idle connection just as the client uses it again. The request then gets one replay.
    const wasStale = this.#reused && 'code' in error && resetCodes.has(error.code);
    if (wasStale && this.#request.replayable && this.#mayReplay(1)) return this.#replay(false);
    this.#finish(this.#failure ?? error);
    this.#connection!.failed(this);
  }

  /** The server has not processed the request: it may be sent again with any method (RFC 9113 §8.7). `kept`: also on this connection. */
  onUnprocessed(error: Error, maxReplays: number, kept = false): void {
    if (this.#ended) return;
    if (this.#mayReplay(maxReplays)) this.#replay(kept);
    else this.onResponseError(undefined, error);
  }

  #mayReplay(maxReplays: number): boolean {
    return (
      !this.#responseStarted &&
      this.#replays < maxReplays &&
      this.#failure === undefined &&
      this.#request.body?.replayable !== false
    );
  }

  #replay(kept: boolean): void {
    const connection = this.#connection!;
    const socket = this.#socket!;
    this.#replays += 1;
    this.#controller = this.#connection = undefined;
    this.onWire = false;
    this.#headersTimer.stop();
    if (!kept) this.connectionSince = socket.leftAt ??= performance.now();
    connection.replay(this);
  }

  #finish(error: Error): void {
    this.#ended = true;
    this.#headersTimer.stop();
    clearTimeout(this.#drainTimer);
    this.#request.body?.cancel?.(error);
    if (this.#headersReceived) this.#sink?.fail(error);
    else this.#handler.onError(error);
  }

  #expire(phase: TimeoutPhase, limit: number, elapsed: number): void {
    this.fail(new TimeoutError({ phase, limit, elapsed }));
  }

  /** A proxy without a tunnel gets the whole URL. */
  #target(): { path: string; headers: readonly string[] } {
    const { origin, path, headers, body } = this.#request;
    const { proxy } = this.#queue.settings;
    const isKnown = body?.length !== undefined && !headers.includes('content-length');
    const all = isKnown ? [...headers, 'content-length', String(body.length)] : headers;
    if (proxy?.tunnel !== false) return { path, headers: all };
    const host = headers.includes('host') ? [] : ['host', new URL(origin).host];
    return { path: origin + path, headers: [...all, ...host, ...Object.entries(proxy.headers).flat()] };
  }

  #limited(body: ReturnType<RequestBody['open']>): typeof body {
    return body instanceof Uint8Array ? body : this.#limitedPieces(body);
  }

  /** The `write` limit runs from one piece to the next: undici takes the next one when the server has read enough. */
  async *#limitedPieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { write } = this.#queue.settings;
    const timer = new PhaseTimer(write, (elapsed) => this.#expire('write', write, elapsed));
    try {
      for await (const piece of body) {
        timer.start();
        yield piece;
        timer.stop();
      }
    } finally {
      timer.stop();
    }
  }
}
