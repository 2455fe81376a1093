/** One connection to an origin: undici's Client, which speaks HTTP, and its socket, which the Client does not expose. */
import type { Socket } from 'node:net';

import { Client, type buildConnector } from 'undici';

import type { Connector } from './connector.ts';
import type { Exchange, ExchangeConnection } from './exchange.ts';
import type { OriginSettings } from './options.ts';

/** Receives the events of a connection: the pool that owns it. */
export interface ConnectionOwner {
  /** The connection has a socket, and its protocol is known. */
  connected(connection: Connection): void;
  disconnected(connection: Connection): void;
  /** An exchange on the connection has ended. `kept`: the connection can run another one. */
  released(connection: Connection, exchange: Exchange, kept: boolean): void;
  /** The exchange must run on a new connection. */
  replay(connection: Connection, exchange: Exchange): void;
}

export class Connection implements ExchangeConnection {
  /** Exchanges that hold the connection, those not yet on the wire included. */
  held = 0;
  used = false;
  open = false;
  failure: Error | undefined;
  readonly #client: Client;
  readonly #owner: ConnectionOwner;
  #connecting: Socket | undefined;
  #streams: number;

  constructor(origin: string, settings: OriginSettings, connector: Connector, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#streams = settings.pipelining;
    this.#client = new Client(origin, {
      connect: (target, connected) => this.#connect(connector, target, connected),
      pipelining: settings.keepAlive === 0 ? 0 : settings.pipelining,
      ...(settings.keepAlive > 0 && { keepAliveTimeout: settings.keepAlive }),
      // The exchange has its own limits: those of undici are half a second coarse, and do not distinguish the phases.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: settings.http2,
    });
    this.#client.on('disconnect', () => {
      this.open = false;
      owner.disconnected(this);
    });
  }

  /** How many more exchanges the connection can run. */
  get room(): number {
    return this.#streams - this.held;
  }

  /** Whether the failure of its last exchange ends the connection: over HTTP/2 it ends a stream only. */
  get isExclusive(): boolean {
    return this.held === 0 && this.#streams < maxStreams;
  }

  run(exchange: Exchange): void {
    this.held += 1;
    this.#client.dispatch(exchange.runOn(this), exchange);
  }

  completed(exchange: Exchange): void {
    this.held -= 1;
    this.#owner.released(this, exchange, true);
  }

  failed(exchange: Exchange): void {
    this.held -= 1;
    this.#owner.released(this, exchange, false);
  }

  replay(exchange: Exchange): void {
    this.held -= 1;
    this.#owner.replay(this, exchange);
  }

  destroy(): Promise<void> {
    const closed = this.#client.destroy(null);
    this.#connecting?.destroy();
    return closed;
  }

  #connect(connector: Connector, target: buildConnector.Options, connected: buildConnector.Callback): void {
    this.used = false;
    this.failure = undefined;
    const opening = connector(target, (error, socket) => {
      this.#connecting = undefined;
      if (error !== null) return connected(error, null);
      // Registered before undici's own listener: undici takes a reset for the end of a body that has no length.
      socket.on('error', (error: Error) => (this.failure = error));
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') this.#streams = maxStreams;
      this.open = true;
      connected(null, socket);
      this.#owner.connected(this);
    });
    this.#connecting = opening;
  }
}

/** Concurrent streams of an HTTP/2 connection: undici's own limit, and what most servers allow. */
const maxStreams = 100;
