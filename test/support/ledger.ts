/**
 * A server that executes each request once per idempotency key, as a shop does with orders, and keeps a ledger of it. A test
 * switches it off and on, and decides how it responds.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly key: string | undefined;
}

/**
 * `up`: it executes a request, with 201. `down`: it resets each connection. `hang`: it does not respond. `lost`: it executes a
 * request and resets the connection. A number: it refuses each request with this status. A function: it decides itself.
 */
export type State =
  | 'up'
  | 'down'
  | 'hang'
  | 'lost'
  | number
  | ((arrival: Arrival, response: ServerResponse) => State | void);

export interface Ledger extends AsyncDisposable {
  readonly url: string;
  state: State;
  /** What has arrived while the server was not `down`, in order. */
  readonly arrivals: Arrival[];
  /** The bodies that were executed, in order: each key once, and a request without a key each time. */
  readonly executed: string[];
  /** The keys of the arrivals, in order. */
  readonly keys: (string | undefined)[];
  /** Ends the connections that hang, without a response. */
  reset(): void;
}

export async function ledger(state: State = 'up'): Promise<Ledger> {
  const arrivals: Arrival[] = [];
  const executed: string[] = [];
  const known = new Set<string>();
  const hanging = new Set<ServerResponse>();

  const act = (state: State, arrival: Arrival, response: ServerResponse): void => {
    const { key, body } = arrival;
    if (typeof state === 'function') {
      const next = state(arrival, response);
      if (next !== undefined) act(next, arrival, response);
    } else if (state === 'down') response.socket!.destroy();
    else if (state === 'hang') hanging.add(response);
    else if (typeof state === 'number') response.writeHead(state, cors).end(`status ${state}`);
    else {
      if (key === undefined || !known.has(key)) executed.push(body.toString());
      if (key !== undefined) known.add(key);
      if (state === 'lost') response.socket!.destroy();
      else response.writeHead(201, { ...cors, 'content-type': 'application/json' }).end(JSON.stringify({ key }));
    }
  };
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'OPTIONS') return void response.writeHead(204, cors).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const key = headers['idempotency-key'] as string | undefined;
    const arrival: Arrival = { method, path, headers, body: Buffer.concat(chunks), key };
    if (server.state !== 'down') arrivals.push(arrival);
    act(server.state, arrival, response);
  };
  const http = createServer((request, response) => void respond(request, response).catch(() => response.destroy()));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  const server: Ledger = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    state,
    arrivals,
    executed,
    get keys() {
      return arrivals.map(({ key }) => key);
    },
    reset() {
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    async [Symbol.asyncDispose]() {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return server;
}

/** For pages of another origin. */
const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': '*, authorization',
  'access-control-allow-methods': '*',
};
