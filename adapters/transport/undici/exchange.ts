/** One request on the wire and its response, as undici reports them, within the limits of each phase. */
import { errors, type Dispatcher } from 'undici';

import { maxDrainedBody, maxDrainTime, resetCodes } from '../../../src/core/engine/http.ts';
import type { LinkedList, ListNode } from '../../../src/core/engine/linked-list.ts';
import { TimeoutError, type TimeoutPhase } from '../../../src/core/errors.ts';
import type { IncomingHeaders } from './headers.ts';
import type { Receiver, Source } from './incoming.ts';
import type { OriginSettings } from './options.ts';
import type { Outgoing } from './outgoing.ts';
import { Watch } from './watch.ts';

/** What is sent. */
export interface ExchangeRequest {
  readonly method: string;
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Outgoing | undefined;
  /** Whether the method or an idempotency key permits a second transmission. */
  readonly repeatable: boolean;
}

/** What an exchange reports to: the call that it is part of. */
export interface ResponseHandler {
  /** The headers have arrived. The receiver gets the body; without a receiver the body is discarded. */
  onHeaders(status: number, statusText: string, headers: IncomingHeaders): Receiver | undefined;
  /** The exchange has ended before the headers. */
  onError(error: Error): void;
}

/** What an exchange needs of the pool that queues it. */
export interface ExchangeQueue {
  readonly settings: OriginSettings;
  /** The exchange has ended before it had a connection. */
  withdraw(exchange: Exchange): void;
}

/** What an exchange needs of the connection that runs it. */
export interface ExchangeConnection {
  /** Whether a response has arrived on the present socket. */
  used: boolean;
  /** The error of the present socket, if there was one. */
  readonly failure: Error | undefined;
  /** The response has arrived whole: the connection can run another exchange. */
  completed(exchange: Exchange): void;
  /** The exchange has ended without a whole response. */
  failed(exchange: Exchange): void;
  /** The server has closed the socket before the response; the exchange must run on a new connection. */
  replay(exchange: Exchange): void;
}

export class Exchange implements Dispatcher.DispatchHandler, Source, ListNode<Exchange> {
  list: LinkedList<Exchange> | undefined;
  prev: Exchange | undefined;
  next: Exchange | undefined;
  /** When it got its connection, on the clock of `performance.now()`. */
  since = 0;
  /** Whether it is on the wire. */
  started = false;
  readonly #request: ExchangeRequest;
  readonly #queue: ExchangeQueue;
  readonly #handler: ResponseHandler;
  readonly #headersLimit: Watch;
  #connection: ExchangeConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #receiver: Receiver | undefined;
  /** What it failed with; undici may report further events after it. */
  #failure: Error | undefined;
  #replayed = false;
  /** Whether it was sent on a connection that had been used before. */
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
    const { headers } = queue.settings;
    this.#headersLimit = new Watch(headers, (elapsed) => this.#expire('headers', headers, elapsed));
  }

  /** What undici is to send on this connection, with the exchange as the handler. */
  runOn(connection: ExchangeConnection): Dispatcher.DispatchOptions {
    this.#connection = connection;
    this.since = performance.now();
    const { method, body, repeatable: idempotent } = this.#request;
    const { path, headers } = this.#addressed();
    const options = { method, path, headers, body: body && this.#watched(body.open()), idempotent };
    return options as Dispatcher.DispatchOptions;
  }

  /** Ends the exchange in any phase. The handler or the receiver gets exactly this error. */
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

  /** The rest of the body is not wanted. */
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
    this.started = true;
    this.#reused = this.#connection!.used;
  }

  onRequestSent(): void {
    if (!this.#headersReceived && !this.#ended) this.#headersLimit.start();
  }

  onResponseStarted(): void {
    this.#responseStarted = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHeaders,
    statusText = '',
  ): void {
    if (status < 200) return;
    this.#headersLimit.stop();
    this.#headersReceived = true;
    this.#receiver = this.#handler.onHeaders(status, statusText, headers);
    if (this.#receiver === undefined) this.#drainTimer = setTimeout(() => this.cancel(), maxDrainTime).unref();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#receiver !== undefined) return this.#receiver.push(chunk);
    this.#discarded += chunk.length;
    if (this.#discarded > maxDrainedBody) this.cancel();
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    const connection = this.#connection!;
    if (connection.failure !== undefined) return this.onResponseError(undefined, connection.failure);
    connection.used = true;
    this.#ended = true;
    clearTimeout(this.#drainTimer);
    this.#receiver?.end();
    connection.completed(this);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#ended) return;
    const connection = this.#connection!;
    if (this.#mayReplay(error)) {
      this.#replayed = true;
      this.#controller = undefined;
      this.started = false;
      this.#headersLimit.stop();
      return connection.replay(this);
    }
    this.#finish(this.#failure ?? error);
    connection.failed(this);
  }

  /** A server may close an idle connection just as the client uses it again. The request then gets one replay. */
  #mayReplay(error: Error): boolean {
    const { repeatable, body } = this.#request;
    return (
      this.#reused &&
      !this.#responseStarted &&
      !this.#replayed &&
      this.#failure === undefined &&
      repeatable &&
      body?.again !== false &&
      'code' in error &&
      resetCodes.has(error.code)
    );
  }

  #finish(error: Error): void {
    this.#ended = true;
    this.#headersLimit.stop();
    clearTimeout(this.#drainTimer);
    this.#request.body?.cancel?.(error);
    if (this.#headersReceived) this.#receiver?.fail(error);
    else this.#handler.onError(error);
  }

  #expire(phase: TimeoutPhase, limit: number, elapsed: number): void {
    this.fail(new TimeoutError({ phase, limit, elapsed }));
  }

  /** A proxy without a tunnel gets the whole URL. */
  #addressed(): { path: string; headers: readonly string[] } {
    const { origin, target, headers, body } = this.#request;
    const { proxy } = this.#queue.settings;
    const isKnown = body?.length !== undefined && !headers.includes('content-length');
    const all = isKnown ? [...headers, 'content-length', String(body.length)] : headers;
    if (proxy?.tunnel !== false) return { path: target, headers: all };
    const host = headers.includes('host') ? [] : ['host', new URL(origin).host];
    return { path: origin + target, headers: [...all, ...host, ...Object.entries(proxy.headers).flat()] };
  }

  #watched(body: ReturnType<Outgoing['open']>): typeof body {
    return body instanceof Uint8Array ? body : this.#pieces(body);
  }

  /** The `write` limit runs from the moment undici has a piece until it takes the next: that long the server takes to read it. */
  async *#pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { write } = this.#queue.settings;
    const watch = new Watch(write, (elapsed) => this.#expire('write', write, elapsed));
    try {
      for await (const piece of body) {
        watch.start();
        yield piece;
        watch.stop();
      }
    } finally {
      watch.stop();
    }
  }
}
