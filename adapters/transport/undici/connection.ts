/** One connection to an origin: opens its socket, and speaks the protocol that the two ends have agreed on. */
import type { Socket } from 'node:net';

import type { buildConnector } from 'undici';

import type { Connector, Opening } from './connector.ts';
import type { Exchange, ExchangeConnection, SocketState } from './exchange.ts';
import { Http1 } from './http1.ts';
import { Http2 } from './http2.ts';
import type { OriginSettings } from './options.ts';
import type { Protocol } from './protocol.ts';

/** Receives the events of a connection: the pool that owns it. */
export interface ConnectionOwner {
  /** The connection has a socket, and it is known how many exchanges it can run. */
  connected(connection: Connection): void;
  /** The connection takes no more exchanges. Those that it has may continue. */
  retired(connection: Connection): void;
  disconnected(connection: Connection): void;
  /** An exchange on the connection has ended. `kept`: the connection can run another one. */
  released(connection: Connection, exchange: Exchange, kept: boolean): void;
  /** The exchange must run again, on a connection that it permits. */
  replay(connection: Connection, exchange: Exchange): void;
}

export class Connection implements ExchangeConnection {
  /** When the connection began to open, on the clock of `performance.now()`. */
  readonly since: number = performance.now();
  /** Exchanges that hold the connection, those not yet on the wire included. */
  held = 0;
  open = false;
  /** Whether the pool has it in the list of connections with room. */
  offered = false;
  readonly #origin: string;
  readonly #settings: OriginSettings;
  readonly #connector: Connector;
  readonly #owner: ConnectionOwner;
  /** Undefined until the two ends have agreed on one. */
  #protocol: Protocol | undefined;
  /** The exchange that waits for the protocol. */
  #unsent: Exchange | undefined;
  #opening: Opening | undefined;

  constructor(origin: string, settings: OriginSettings, connector: Connector, owner: ConnectionOwner) {
    this.#origin = origin;
    this.#settings = settings;
    this.#connector = connector;
    this.#owner = owner;
    if (!settings.http2 || !origin.startsWith('https:')) this.#protocol = this.#http1();
  }

  /** How many more exchanges the connection can run. */
  get room(): number {
    return (this.#protocol?.streams ?? 1) - this.held;
  }

  get socket(): SocketState {
    return this.#protocol!.socket;
  }

  /** Whether the failure of an exchange leaves the others, and the connection, as they are. */
  get isMultiplexed(): boolean {
    return this.#protocol instanceof Http2;
  }

  run(exchange: Exchange): void {
    this.held += 1;
    exchange.hold(this);
    if (this.#protocol !== undefined) return this.#protocol.run(exchange);
    this.#unsent = exchange;
    this.#negotiate();
  }

  completed(exchange: Exchange): void {
    this.held -= 1;
    this.#owner.released(this, exchange, true);
  }

  failed(exchange: Exchange): void {
    this.held -= 1;
    this.#unsent = undefined;
    this.#owner.released(this, exchange, false);
  }

  replay(exchange: Exchange): void {
    this.held -= 1;
    this.#owner.replay(this, exchange);
  }

  destroy(): Promise<void> {
    const closed = this.#protocol?.destroy();
    this.#opening?.destroy();
    return closed ?? Promise.resolve();
  }

  /** Opens the socket before the protocol is known: each protocol has a client of its own. */
  #negotiate(): void {
    const { protocol, hostname, host, port } = new URL(this.#origin);
    const target = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), host, port };
    this.#connect(target, (error, socket) => {
      const exchange = this.#unsent;
      this.#unsent = undefined;
      if (error !== null) return exchange?.onResponseError(undefined, error);
      this.#protocol =
        'alpnProtocol' in socket && socket.alpnProtocol === 'h2' ? this.#http2(socket) : this.#http1(socket);
      if (exchange !== undefined) this.#protocol.run(exchange);
    });
  }

  #connect(target: buildConnector.Options, connected: buildConnector.Callback): void {
    this.#opening = this.#connector(target, (...result) => {
      this.#opening = undefined;
      connected(...result);
    });
  }

  #http1(socket?: Socket): Http1 {
    return new Http1(this.#origin, this.#settings, socket, {
      connect: (target, connected) => this.#connect(target, connected),
      connected: () => this.#connected(),
      disconnected: () => this.#disconnected(),
    });
  }

  #http2(socket: Socket): Http2 {
    return new Http2(this.#origin, this.#settings, socket, {
      changed: () => this.#connected(),
      retired: () => this.#owner.retired(this),
      closed: () => this.#disconnected(),
    });
  }

  #connected(): void {
    this.open = true;
    this.#owner.connected(this);
  }

  #disconnected(): void {
    this.open = false;
    this.#owner.disconnected(this);
  }
}
