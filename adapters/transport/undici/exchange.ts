/** One request on the wire and its answer, as undici tells of them, within the limits of each phase. */
import { errors, type Dispatcher } from 'undici';

import { maxDrainedBody, maxDrainTime, resetCodes } from '../../../src/core/engine/http.ts';
import { TimeoutError, type TimeoutPhase } from '../../../src/core/errors.ts';
import type { Connection } from './connection.ts';
import type { Source } from './incoming.ts';
import type { ListNode, LinkedList } from '../../../src/core/engine/linked-list.ts';
import type { IncomingHeaders, Listener, Message, Receiver } from './message.ts';
import type { Outgoing } from './outgoing.ts';
import type { Pool } from './pool.ts';
import { Watch } from './watch.ts';

export class Exchange implements Dispatcher.DispatchHandler, Source, ListNode<Exchange> {
  list: LinkedList<Exchange> | undefined;
  prev: Exchange | undefined;
  next: Exchange | undefined;
  /** Since when it has held its connection, on the clock of `performance.now()`. */
  since = 0;
  /** Whether it is on the wire. */
  started = false;
  readonly #message: Message;
  readonly #pool: Pool;
  readonly #listener: Listener;
  readonly #headers: Watch;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #receiver: Receiver | undefined;
  /** What it failed with; undici may go on telling of it. */
  #failure: Error | undefined;
  #replayed = false;
  /** Whether it went out on a connection that had been used before. */
  #reused = false;
  /** Whether anything of the answer has come, and whether all of its headers have. */
  #begun = false;
  #answered = false;
  #over = false;
  #discarded = 0;
  #drain: NodeJS.Timeout | undefined;

  constructor(message: Message, pool: Pool, listener: Listener) {
    this.#message = message;
    this.#pool = pool;
    this.#listener = listener;
    const { headers } = pool.settings;
    this.#headers = new Watch(headers, (elapsed) => this.#expire('headers', headers, elapsed));
  }

  sendOn(connection: Connection): void {
    this.#connection = connection;
    this.since = performance.now();
    const { method, body, repeatable: idempotent } = this.#message;
    const { path, headers } = this.#addressed();
    const options = { method, path, headers, body: body && this.#watched(body.open()), idempotent };
    connection.dispatch(options as Dispatcher.DispatchOptions, this);
  }

  /** Ends it, whatever the phase; the listener or receiver is told the error as it is. */
  fail(error: Error): void {
    if (this.#over || this.#failure !== undefined) return;
    this.#failure = error;
    if (this.#controller !== undefined) return this.#controller.abort(error);
    this.#finish(error);
    this.#pool.withdraw(this, this.#connection);
  }

  /** Before it had a connection. */
  refuse(error: Error): void {
    this.#finish(error);
  }

  /** Nobody wants the rest of the body. */
  cancel(): void {
    this.fail(new errors.RequestAbortedError('The body was cancelled'));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#over) return controller.abort(this.#failure!);
    this.#controller = controller;
    this.started = true;
    this.#reused = this.#connection!.used;
  }

  onRequestSent(): void {
    if (!this.#answered && !this.#over) this.#headers.start();
  }

  onResponseStarted(): void {
    this.#begun = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHeaders,
    statusText = '',
  ): void {
    if (status < 200) return;
    this.#headers.stop();
    this.#answered = true;
    this.#receiver = this.#listener.answered(status, statusText, headers);
    if (this.#receiver === undefined) this.#drain = setTimeout(() => this.cancel(), maxDrainTime).unref();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#receiver !== undefined) return this.#receiver.push(chunk);
    this.#discarded += chunk.length;
    if (this.#discarded > maxDrainedBody) this.cancel();
  }

  onResponseEnd(): void {
    const connection = this.#connection!;
    if (connection.failure !== undefined) return this.onResponseError(undefined, connection.failure);
    connection.used = true;
    this.#over = true;
    clearTimeout(this.#drain);
    this.#receiver?.end();
    this.#pool.done(this, connection, true);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return;
    const connection = this.#connection!;
    if (this.#mayReplay(error)) {
      this.#replayed = true;
      this.#controller = undefined;
      this.started = false;
      this.#headers.stop();
      return this.#pool.replay(this, connection);
    }
    this.#finish(this.#failure ?? error);
    this.#pool.done(this, connection, false);
  }

  /** A server may close an idle connection just as it is used again; a second one on a new connection is free. */
  #mayReplay(error: Error): boolean {
    const { repeatable, body } = this.#message;
    return (
      this.#reused &&
      !this.#begun &&
      !this.#replayed &&
      this.#failure === undefined &&
      repeatable &&
      body?.again !== false &&
      'code' in error &&
      resetCodes.has(error.code)
    );
  }

  #finish(error: Error): void {
    this.#over = true;
    this.#headers.stop();
    clearTimeout(this.#drain);
    this.#message.body?.cancel?.(error);
    if (this.#answered) this.#receiver?.fail(error);
    else this.#listener.failed(error);
  }

  #expire(phase: TimeoutPhase, limit: number, elapsed: number): void {
    this.fail(new TimeoutError({ phase, limit, elapsed }));
  }

  /** A proxy without a tunnel is asked for the whole URL. */
  #addressed(): { path: string; headers: readonly string[] } {
    const { origin, target, headers, body } = this.#message;
    const { proxy } = this.#pool.settings;
    const isKnown = body?.length !== undefined && !headers.includes('content-length');
    const all = isKnown ? [...headers, 'content-length', String(body.length)] : headers;
    if (proxy?.tunnel !== false) return { path: target, headers: all };
    const host = headers.includes('host') ? [] : ['host', new URL(origin).host];
    return { path: origin + target, headers: [...all, ...host, ...Object.entries(proxy.headers).flat()] };
  }

  /** From one piece to the next it is the peer who must take it. */
  #watched(body: ReturnType<Outgoing['open']>): typeof body {
    return body instanceof Uint8Array ? body : this.#pieces(body);
  }

  async *#pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { write } = this.#pool.settings;
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
