/** HTTP/1.1 on one connection: undici's Client, which opens another socket if it is given a request on a closed one. */
import type { Socket } from 'node:net';

import { Client, type buildConnector } from 'undici';

import type { Exchange, SocketState } from './exchange.ts';
import type { OriginSettings } from './options.ts';
import type { Protocol } from './protocol.ts';

export interface Http1Owner {
  connect(target: buildConnector.Options, connected: buildConnector.Callback): void;
  connected(): void;
  disconnected(): void;
}

export class Http1 implements Protocol {
  readonly streams: number;
  socket: SocketState = { used: false, failure: undefined, leftAt: undefined };
  readonly #client: Client;
  readonly #owner: Http1Owner;
  /** An open socket that no request has used. */
  #ready: Socket | undefined;

  constructor(origin: string, settings: OriginSettings, ready: Socket | undefined, owner: Http1Owner) {
    this.#ready = ready;
    this.#owner = owner;
    this.streams = settings.pipelining;
    this.#client = new Client(origin, {
      connect: (target, connected) => this.#connect(target, connected),
      pipelining: settings.keepAlive === 0 ? 0 : settings.pipelining,
      ...(settings.keepAlive > 0 && { keepAliveTimeout: settings.keepAlive }),
      // The exchange has its own limits: those of undici are half a second coarse, and do not distinguish the phases.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    });
    this.#client.on('disconnect', () => owner.disconnected());
  }

  run(exchange: Exchange): void {
    this.#client.dispatch(exchange.open(), exchange);
  }

  destroy(): Promise<void> {
    this.#ready?.destroy();
    return this.#client.destroy(null);
  }

  #connect(target: buildConnector.Options, connected: buildConnector.Callback): void {
    const ready = this.#ready;
    this.#ready = undefined;
    // A request whose `host` is another name needs a socket that was verified for that name.
    if (ready !== undefined && target.servername == null) {
      return queueMicrotask(() => this.#adopt(ready, connected)); // undici ignores a socket that it gets synchronously
    }
    ready?.destroy();
    this.#owner.connect(target, (error, socket) => {
      if (error !== null) connected(error, null);
      else this.#adopt(socket, connected);
    });
  }

  #adopt(socket: Socket, connected: buildConnector.Callback): void {
    const state: SocketState = { used: false, failure: undefined, leftAt: undefined };
    this.socket = state;
    // Registered before undici's own listener: undici takes a reset for the end of a body that has no length.
    socket.on('error', (error: Error) => (state.failure = error));
    connected(null, socket);
    this.#owner.connected();
  }
}
