/** The connections to one origin, the exchanges that hold them, and the queue of those that wait for one. */
import { errors } from 'undici';

import { runHarmless } from '../../../src/core/engine/user-function.ts';
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
  /** Connections that take no more exchanges, and close when those that they have are over. */
  readonly #retired = new Set<Connection>();
  /** Whether the origin is known to speak HTTP/1.1. */
  #isHttp1: boolean;
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
    this.#isHttp1 = !settings.http2 || !origin.startsWith('https:');
    const heldSince = (): number | undefined => this.#holding.first?.heldSince;
    if (onPressure !== undefined) {
      const report = (reason: Pressure['reason']): void =>
        runHarmless('onPressure', onPressure, { origin, reason, ...this.stats() });
      this.#pressure = pressureMonitor(settings.connections, heldSince, report);
    }
  }

  send(exchange: Exchange): void {
    if (this.#closing !== undefined) return exchange.refuse(new errors.ClientClosedError());
    const connection = this.#connectionFor(exchange);
    if (connection === undefined) this.#waiting.add(exchange);
    else this.#run(exchange, connection);
    this.#pressure?.update(this.#holding.size, this.#waiting.size);
  }

  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    this.#next();
  }

  released(connection: Connection, exchange: Exchange, kept: boolean): void {
    this.#holding.delete(exchange);
    if (!kept && connection.held === 0 && !connection.isMultiplexed) this.#drop(connection);
    else this.#offer(connection);
    this.#next();
  }

  replay(connection: Connection, exchange: Exchange): void {
    this.#holding.delete(exchange);
    this.#waiting.addFirst(exchange);
    if (connection.held === 0 && !connection.isMultiplexed) this.#drop(connection);
    this.#next();
  }

  connected(connection: Connection): void {
    this.#isHttp1 ||= !connection.isMultiplexed;
    this.#offer(connection);
    this.#next();
  }

  retired(connection: Connection): void {
    this.#forget(connection);
    this.#retired.add(connection);
    this.#next();
  }

  disconnected(connection: Connection): void {
    this.#retired.delete(connection);
    if (connection.held === 0 || connection.isMultiplexed) this.#drop(connection);
    this.#next();
  }

  stats(): OriginStats {
    const connections = [...this.#connections, ...this.#retired];
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

  /** A connection with room for the exchange, or a new one; undefined if the exchange has to wait. */
  #connectionFor(exchange: Exchange): Connection | undefined {
    return this.#take(exchange) ?? this.#open(exchange);
  }

  #run(exchange: Exchange, connection: Connection): void {
    this.#holding.add(exchange);
    connection.run(exchange);
    this.#offer(connection);
  }

  #take({ connectionSince }: Exchange): Connection | undefined {
    const at = this.#free.findLastIndex(({ room, since }) => room > 0 && since >= connectionSince);
    if (at < 0) return undefined;
    const [connection] = this.#free.splice(at, 1);
    connection!.offered = false;
    return connection;
  }

  /** Over HTTP/2 one connection opens at a time: once it is open, it may carry all requests that wait. */
  #open({ connectionSince }: Exchange): Connection | undefined {
    if (!this.#isHttp1 && [...this.#connections].some(({ open }) => !open)) return undefined;
    if (connectionSince > 0 && this.#connections.size >= this.settings.connections) this.#dropIdle();
    if (this.#connections.size >= this.settings.connections) return undefined;
    const { proxy } = this.settings;
    const to = proxy?.tunnel === false ? proxy.origin : this.origin;
    const connection = new Connection(to, this.settings, this.#connector, this);
    this.#connections.add(connection);
    return connection;
  }

  #offer(connection: Connection): void {
    if (connection.offered || connection.room <= 0 || !this.#connections.has(connection)) return;
    connection.offered = true;
    this.#free.push(connection);
  }

  #dropIdle(): void {
    const idle = this.#free.find(({ held }) => held === 0);
    if (idle !== undefined) this.#drop(idle);
  }

  #drop(connection: Connection): void {
    if (this.#forget(connection)) void connection.destroy();
  }

  #forget(connection: Connection): boolean {
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
    return this.#connections.delete(connection);
  }

  #next(): void {
    for (const exchange of this.#waiting) {
      if (exchange.list !== this.#waiting) break; // an exchange that failed at once has called this method
      const connection = this.#connectionFor(exchange);
      if (connection !== undefined) {
        this.#waiting.delete(exchange);
        this.#run(exchange, connection);
      } else if (exchange.connectionSince === 0) break;
    }
    this.#pressure?.update(this.#holding.size, this.#waiting.size);
    if (this.#holding.size + this.#waiting.size === 0) this.#closed?.();
  }

  async #end(): Promise<void> {
    const connections = [...this.#connections, ...this.#retired];
    this.#connections.clear();
    this.#retired.clear();
    this.#free.length = 0;
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
}
