/** The connections to one origin, who holds them, and who waits. */
import { errors } from 'undici';

import { connector, type Connect } from './connect.ts';
import { Connection, type Owner } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { LinkedList } from '../../../src/core/engine/linked-list.ts';
import type { Lookup } from './lookup.ts';
import type { OriginSettings, OriginStats, Pressure } from './options.ts';
import { gauge, type Gauge } from './pressure.ts';

/**
 * Not undici's own Pool: that one can neither give a replay a fresh connection, nor let a request out of its queue,
 * nor end a connection that is still being opened when nobody wants it any more.
 */
export class Pool implements Owner {
  readonly settings: OriginSettings;
  readonly origin: string;
  readonly #connect: Connect;
  readonly #connections = new Set<Connection>();
  /** With room for one more, the last used at the end: the others may fall idle and be closed. */
  readonly #free: Connection[] = [];
  readonly #holding = new LinkedList<Exchange>();
  readonly #waiting = new LinkedList<Exchange>();
  readonly #gauge: Gauge | undefined;
  /** Whether it is known what is spoken: an https origin may take all requests on one connection. */
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
    this.#connect = connector(settings, lookup);
    this.#negotiated = !(settings.http2 && origin.startsWith('https:'));
    const heldSince = (): number | undefined => this.#holding.first?.since;
    if (onPressure !== undefined) {
      const tell = (reason: Pressure['reason']): void => onPressure({ origin, reason, ...this.stats() });
      this.#gauge = gauge(settings.connections, heldSince, tell);
    }
  }

  send(exchange: Exchange): void {
    if (this.#closing !== undefined) return exchange.refuse(new errors.ClientClosedError());
    const connection = this.#free.pop() ?? this.#open();
    if (connection === undefined) this.#waiting.add(exchange);
    else this.#hold(connection, exchange);
    this.#gauge?.changed(this.#holding.size, this.#waiting.size);
  }

  /** The exchange is over: its connection takes another, or has ended with it. */
  done(exchange: Exchange, connection: Connection, kept: boolean): void {
    this.#release(exchange, connection, kept);
    this.#next();
  }

  /** Sends an exchange again, on a connection that nobody has used. */
  replay(exchange: Exchange, connection: Connection): void {
    this.#release(exchange, connection, false);
    this.#hold(this.#add(), exchange);
    this.#next();
  }

  /** Nobody wants the answer any more, and the request is not on the wire yet. */
  withdraw(exchange: Exchange, connection: Connection | undefined): void {
    this.#waiting.delete(exchange);
    if (connection === undefined) return this.#next();
    this.done(exchange, connection, false);
  }

  stats(): OriginStats {
    const connections = [...this.#connections];
    const pending = [...this.#holding].filter(({ started }) => !started).length;
    const since = this.#holding.first?.since;
    return {
      connected: connections.filter(({ open }) => open).length,
      free: connections.filter(({ open, held }) => open && held === 0).length,
      pending,
      running: this.#holding.size - pending,
      queued: this.#waiting.size,
      longestHold: since === undefined ? 0 : performance.now() - since,
    };
  }

  /** Takes no more, and resolves when what there is has been answered. */
  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#closed = resolve;
    }).then(() => this.#end());
    this.#next();
    return this.#closing;
  }

  /** Fails what there is. */
  destroy(reason: Error): Promise<void> {
    const closed = this.close();
    for (const exchange of [...this.#waiting, ...this.#holding]) exchange.fail(reason);
    return closed;
  }

  connected(connection: Connection): void {
    this.#negotiated = true;
    // With HTTP/2 spoken it has room beside whoever opened it.
    if (connection.hasRoom && connection.held > 0 && !this.#free.includes(connection)) this.#free.push(connection);
    this.#next();
  }

  disconnected(connection: Connection): void {
    if (connection.held === 0) this.#drop(connection);
    this.#next();
  }

  #open(): Connection | undefined {
    const { size } = this.#connections;
    return size < this.settings.connections && (this.#negotiated || size === 0) ? this.#add() : undefined;
  }

  #add(): Connection {
    const { proxy } = this.settings;
    const to = proxy?.tunnel === false ? proxy.origin : this.origin;
    const connection = new Connection(to, this.settings, this.#connect, this);
    this.#connections.add(connection);
    return connection;
  }

  #hold(connection: Connection, exchange: Exchange): void {
    connection.held += 1;
    if (connection.hasRoom) this.#free.push(connection);
    this.#holding.add(exchange);
    exchange.sendOn(connection);
  }

  #release(exchange: Exchange, connection: Connection, kept: boolean): void {
    if (!this.#holding.delete(exchange)) return;
    const listed = connection.hasRoom;
    connection.held -= 1;
    if (!kept && connection.isExclusive) this.#drop(connection);
    else if (!listed && this.#connections.has(connection)) this.#free.push(connection);
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
      this.#hold(connection, exchange);
    }
    this.#gauge?.changed(this.#holding.size, this.#waiting.size);
    if (this.#holding.size + this.#waiting.size === 0) this.#closed?.();
  }

  async #end(): Promise<void> {
    const connections = [...this.#connections];
    this.#connections.clear();
    this.#free.length = 0;
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
}
