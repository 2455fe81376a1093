/** A real HTTP server in place of a configuration centre. It can die, return at the same port, and stop to respond. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { deferred } from '../promises.ts';

export interface Asked {
  readonly method: string;
  /** The path. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface StandIn extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  readonly asked: readonly Asked[];
  /** How many responses are in flight. */
  readonly open: number;
  /** How many connections there are. */
  readonly connections: number;
  /** Resolves as soon as the predicate holds; it is tried when a request arrives and when a response or a connection ends. */
  until(predicate: () => boolean): Promise<void>;
  /** Ends all connections, and accepts no others. */
  die(): Promise<void>;
  /** Listens again, at the same port. */
  rise(): Promise<void>;
  /** While it is true, requests arrive and have no response. */
  isFrozen: boolean;
}

export async function standIn(respond: (asked: Asked, response: ServerResponse) => void): Promise<StandIn> {
  const asked: Asked[] = [];
  const waiting = new Set<() => void>();
  const check = (): void => {
    for (const one of waiting) one();
  };
  const responses = new Set<ServerResponse>();
  let connections = 0;
  let isFrozen = false;

  const server = createServer((request, response) => {
    responses.add(response.on('error', () => {}));
    response.once('close', () => {
      responses.delete(response);
      check();
    });
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://stand-in');
      const one = { method: request.method!, path: pathname, query: searchParams, headers: request.headers, body };
      asked.push(one);
      if (!isFrozen) respond(one, response);
      check();
    });
  });
  server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
      check();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const die = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };

  return {
    port,
    address: `http://127.0.0.1:${port}`,
    asked,
    get open() {
      return responses.size;
    },
    get connections() {
      return connections;
    },
    until(predicate) {
      const { promise, resolve } = deferred();
      const check = (): void => {
        if (!predicate()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      return promise;
    },
    die,
    async rise() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    get isFrozen() {
      return isFrozen;
    },
    set isFrozen(frozen) {
      isFrozen = frozen;
    },
    [Symbol.asyncDispose]: die,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  request.setEncoding('utf8');
  try {
    for await (const part of request) body += part as string;
  } catch {
    // The client has ended the connection.
  }
  return body;
}
