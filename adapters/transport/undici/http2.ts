/** HTTP/2 on one connection (RFC 9113): a session of node:http2, which runs each exchange on a stream of its own. */
import { connect, type ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

import { errors } from 'undici';

import type { Exchange, SocketState } from './exchange.ts';
import { Http2Stream, type StreamOwner } from './http2-stream.ts';
import type { OriginSettings } from './options.ts';
import { PhaseTimer } from './phase-timer.ts';
import type { Protocol } from './protocol.ts';

export interface Http2Owner {
  /** The server has announced how many streams it takes. */
  changed(): void;
  /** The connection takes no more exchanges. Those that it has may continue. */
  retired(): void;
  closed(): void;
}

/** undici's values: streams at the same time, and the bytes that a stream and the connection may have unread. */
const maxStreams = 100;
const streamWindow = 256 * 1024;
const connectionWindow = 512 * 1024;
/** Over HTTP/1.1 only the bytes of a response's headers are limited, and those of a request by the server alone. */
const maxResponseFields = 2_000;
const maxRequestHeaders = 1024 * 1024;

export class Http2 implements Protocol, StreamOwner {
  readonly socket: SocketState = { used: false, failure: undefined, leftAt: undefined };
  readonly authority: string;
  readonly session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #owner: Http2Owner;
  readonly #keepAlive: number;
  /** One until the server has announced its limit: a server refuses the streams above it. */
  #maxStreams = 1;
  #running = 0;
  #used = false;
  #retired = false;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Runs while a PING is on its way. A server takes no longer for it than for a new connection. */
  readonly #ping: PhaseTimer;
  #isProbed = false;
  lastStreamId: number = Infinity;
  failure: Error | undefined;

  constructor(origin: string, settings: OriginSettings, socket: Socket, owner: Http2Owner) {
    this.authority = new URL(origin).host;
    this.#socket = socket;
    this.#owner = owner;
    this.#keepAlive = settings.keepAlive;
    this.#ping = new PhaseTimer(settings.connect, () => this.#fail(new errors.SocketError('no response to a PING')));
    const closed = (): void => this.#fail(new errors.SocketError('other side closed'));
    // Registered before the listeners of Node, which takes a reset for a proper end.
    socket
      .on('error', (error: Error) => this.#fail(error))
      .on('end', closed)
      .on('close', closed);
    this.session = connect(origin, {
      createConnection: () => socket,
      peerMaxConcurrentStreams: maxStreams,
      maxHeaderListPairs: maxResponseFields,
      maxSendHeaderBlockLength: maxRequestHeaders,
      settings: { enablePush: false, initialWindowSize: streamWindow },
    });
    this.session
      .on('connect', () => this.session.setLocalWindowSize(connectionWindow))
      .on('remoteSettings', ({ maxConcurrentStreams = maxStreams }) => {
        this.#maxStreams = Math.min(maxConcurrentStreams, maxStreams);
        this.#owner.changed();
      })
      .on('goaway', (_code: number, lastStreamId: number) => {
        this.lastStreamId = lastStreamId;
        this.retire();
      })
      .on('error', (error: Error) => this.#fail(error))
      .on('close', () => {
        this.retire();
        this.#ping.stop();
        owner.closed();
      })
      .unref();
  }

  get streams(): number {
    return this.#retired || (this.#used && this.#keepAlive === 0) ? 0 : this.#maxStreams;
  }

  run(exchange: Exchange): void {
    this.#used = true;
    clearTimeout(this.#idleTimer);
    if (this.#running === 0) this.session.ref();
    this.#running += 1;
    void new Http2Stream(this, exchange);
  }

  left(): void {
    this.#running -= 1;
    if (this.#running > 0 || this.session.destroyed) return;
    this.session.unref();
    if (this.#retired) this.#end();
    else if (this.#keepAlive < Infinity) this.#idleTimer = setTimeout(() => this.#end(), this.#keepAlive).unref();
  }

  probe(): void {
    if (this.#isProbed || this.#retired) return;
    this.#isProbed = true;
    this.#ping.start();
    this.session.ping(() => {
      this.#isProbed = false;
      this.#ping.stop();
    });
  }

  destroy(): Promise<void> {
    return new Promise((resolve) => {
      if (this.session.destroyed) return resolve();
      this.session.once('close', resolve);
      this.#end();
    });
  }

  #fail(error: Error): void {
    this.failure ??= error;
    this.#end(error);
  }

  /** The session alone would wait for the server to close the socket. */
  #end(error?: Error): void {
    this.retire();
    this.session.destroy(error);
    this.#socket.destroy();
  }

  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#idleTimer);
    this.#owner.retired();
  }
}
