/** One connection to an origin: undici's Client, which speaks HTTP, and the socket under it, which it does not show. */
import type { Socket } from 'node:net';

import { Client, type buildConnector, type Dispatcher } from 'undici';

import type { Connect } from './connect.ts';
import type { Exchange } from './exchange.ts';
import type { OriginSettings } from './options.ts';

export interface Owner {
  /** It has a socket, and it is known what is spoken on it. */
  connected(connection: Connection): void;
  disconnected(connection: Connection): void;
}

export class Connection {
  /** Exchanges that hold it, those not yet on the wire included. */
  held = 0;
  /** Whether an answer has come on its present socket: then the server may be closing it just now. */
  used = false;
  open = false;
  /** What ended its present socket, if it was an error. */
  failure: Error | undefined;
  readonly #client: Client;
  readonly #owner: Owner;
  #connecting: Socket | undefined;
  #streams: number;

  constructor(origin: string, settings: OriginSettings, connect: Connect, owner: Owner) {
    this.#owner = owner;
    this.#streams = settings.pipelining;
    this.#client = new Client(origin, {
      connect: (target, connected) => this.#connect(connect, target, connected),
      pipelining: settings.keepAlive === 0 ? 0 : settings.pipelining,
      ...(settings.keepAlive > 0 && { keepAliveTimeout: settings.keepAlive }),
      // The limits are kept here: undici's own are half a second coarse, and know neither `write` nor the phases apart.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: settings.http2,
    });
    this.#client.on('disconnect', () => {
      this.open = false;
      owner.disconnected(this);
    });
  }

  get hasRoom(): boolean {
    return this.held < this.#streams;
  }

  /** Whether a failure of one exchange is the end of the connection. */
  get isExclusive(): boolean {
    return this.held === 0 && this.#streams < mostStreams;
  }

  dispatch(options: Dispatcher.DispatchOptions, exchange: Exchange): void {
    this.#client.dispatch(options, exchange);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  destroy(reason?: Error): Promise<void> {
    const closed = this.#client.destroy(reason ?? null);
    this.#connecting?.destroy();
    return closed;
  }

  #connect(connect: Connect, target: buildConnector.Options, connected: buildConnector.Callback): void {
    this.used = false;
    this.failure = undefined;
    const opening = connect(target, (error, socket) => {
      this.#connecting = undefined;
      if (error !== null) return connected(error, null);
      // Before undici hears of it: it takes a reset for the end of a body that only the end of the connection could end.
      socket.on('error', (error: Error) => (this.failure = error));
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') this.#streams = mostStreams;
      this.open = true;
      connected(null, socket);
      this.#owner.connected(this);
    });
    this.#connecting = opening;
  }
}

/** Of an HTTP/2 connection at a time; undici's own bound, and what most servers allow. */
const mostStreams = 100;
