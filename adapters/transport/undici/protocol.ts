import type { Exchange, SocketState } from './exchange.ts';

/** What speaks HTTP on a connection. */
export interface Protocol {
  /** Exchanges that the connection can run at the same time. */
  readonly streams: number;
  /** The present socket. */
  readonly socket: SocketState;
  run(exchange: Exchange): void;
  destroy(): Promise<void>;
}
