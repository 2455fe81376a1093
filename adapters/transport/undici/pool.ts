/** The connections to one origin, the exchanges that hold them, and the queue of those that wait for one. */
import { errors } from 'undici';

import { LinkedList } from './linked-list.ts';
import { connector, type Connector } from './connector.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Lookup } from './dns-cache.ts';
import type { Exchange, ExchangeQueue } from './exchange.ts';
import type { OriginSettings, OriginStats, Pressure } from './options.ts';
import { pressureMonitor, type PressureMonitor } from './pool-pressure.ts';

/**
 * undici's own Pool cannot send a replay on a new connection, remove a request from its queue, or end a connection
 * that is still being opened for a request that was aborted.
 */
export class Pool implements ConnectionOwner, ExchangeQueue {
  readonly settings: OriginSettings;
  readonly origin: string;
  readonly #connector: Connector;
  readonly #connections = new Set<Connection>();
  /** Connections with room for another exchange, the last used at the end, so that the others fall idle and close. */
  readonly #free: Connection[] = [];
  readonly #holding = new LinkedList<Exchange>();
  readonly #waiting = new LinkedList<Exchange>();
  readonly #pressure: PressureMonitor | undefined;
  /** Whether the protocol of the origin is known: over HTTP/2 one connection may carry all requests. */
  #negotiated: boolean;
  #closed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    origin: string,
    settings: OriginSettings,
    lookup: Lookup | undefined,
    onPressure: ((pressure: Pressure) => void) | undefined,
  ) {
    this.origin = origin;
    this.settings = settings;
    this.#connector = connector(settings, lookup);
    this.#negotiated = !(settings.http2 && origin.startsWith('https:'));
    const heldSince = (): number | undefined => this.#holding.first?.heldSince;
    if (onPressure !== undefined) {
      const report = (reason: Pressure['reason']): void => onPressure({ origin, reason, ...this.stats() });
      this.#pressure = pressureMonitor(settings.connections, heldSince, report);
    }
  }

  send(exchange: Exchange): void {
    if (this.#closing !== undefined) return exchange.refuse(new errors.ClientClosedError());
    const connection = this.#free.pop() ?? this.#open();
    if (connection === undefined) this.#waiting.add(exchange);
    else this.#run(exchange, connection);
    this.#pressure?.update(this.#holding.size, this.#waiting.size);
  }

  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    this.#next();
  }

  released(connection: Connection, exchange: Exchange, kept: boolean): void {
    this.#release(connection, exchange, kept);
    this.#next();
  }

  replay(connection: Connection, exchange: Exchange): void {
    this.#release(connection, exchange, false);
    this.#run(exchange, this.#add());
    this.#next();
  }

  connected(connection: Connection): void {
    this.#negotiated = true;
    // Over HTTP/2 the connection has room beside the exchange that it was opened for.
    if (connection.room > 0 && connection.held > 0 && !this.#free.includes(connection)) this.#free.push(connection);
    this.#next();
  }

  disconnected(connection: Connection): void {
    if (connection.held === 0) this.#drop(connection);
    this.#next();
  }

  stats(): OriginStats {
    const connections = [...this.#connections];
    const pending = [...this.#holding].filter(({ onWire }) => !onWire).length;
    const since = this.#holding.first?.heldSince;
    return {
      connected: connections.filter(({ open }) => open).length,
      free: connections.filter(({ open, held }) => open && held === 0).length,
      pending,
      running: this.#holding.size - pending,
      queued: this.#waiting.size,
      longestHold: since === undefined ? 0 : performance.now() - since,
    };
  }

  /** Refuses further exchanges, and resolves when the present ones have ended and every connection is closed. */
  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#closed = resolve;
    }).then(() => this.#end());
    this.#next();
    return this.#closing;
  }

  /** As `close`, and fails the present exchanges. */
  destroy(reason: Error): Promise<void> {
    const closed = this.close();
    for (const exchange of [...this.#waiting, ...this.#holding]) exchange.fail(reason);
    return closed;
  }

  #open(): Connection | undefined {
    const { size } = this.#connections;
    return size < this.settings.connections && (this.#negotiated || size === 0) ? this.#add() : undefined;
  }

  #add(): Connection {
    const { proxy } = this.settings;
    const to = proxy?.tunnel === false ? proxy.origin : this.origin;
    const connection = new Connection(to, this.settings, this.#connector, this);
    this.#connections.add(connection);
    return connection;
  }

  #run(exchange: Exchange, connection: Connection): void {
    if (connection.room > 1) this.#free.push(connection);
    this.#holding.add(exchange);
    connection.run(exchange);
  }

  #release(connection: Connection, exchange: Exchange, kept: boolean): void {
    this.#holding.delete(exchange);
    if (!kept && connection.isExclusive) this.#drop(connection);
    else if (connection.room === 1 && this.#connections.has(connection)) this.#free.push(connection);
  }

  #drop(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
    void connection.destroy();
  }

  #next(): void {
    for (const exchange of this.#waiting) {
      const connection = this.#free.pop() ?? this.#open();
      if (connection === undefined) break;
      this.#waiting.delete(exchange);
      this.#run(exchange, connection);
    }
    this.#pressure?.update(this.#holding.size, this.#waiting.size);
    if (this.#holding.size + this.#waiting.size === 0) this.#closed?.();
  }

  async #end(): Promise<void> {
    const connections = [...this.#connections];
    this.#connections.clear();
    this.#free.length = 0;
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
}
