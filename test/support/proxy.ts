/** An HTTP proxy on loopback, which tunnels CONNECT and forwards plain http. A test decides how it responds to CONNECT. */
import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';

import type { Certificate } from './faults/tls.ts';

export interface LoopbackProxy extends AsyncDisposable {
  /** With the user `u` and the password `p w`. */
  readonly url: string;
  readonly port: number;
  /** `CONNECT host:port`, or `GET http://...`, with the credentials, and the names of all headers as they were sent. */
  readonly seen: { readonly request: string; readonly authorization: string | undefined; readonly names: string[] }[];
  /** The next CONNECT requests get this status; `hang` is none at all, `reset` ends the connection. */
  readonly next: (number | 'hang' | 'reset')[];
  /** Resolves when no client is connected. */
  idle(): Promise<void>;
}

export async function startProxy(certificate?: Certificate): Promise<LoopbackProxy> {
  const seen: LoopbackProxy['seen'] = [];
  const next: LoopbackProxy['next'] = [];
  const clients = new Set<Socket>();
  const note = ({ method, url, headers, rawHeaders }: IncomingMessage): void => {
    const names = rawHeaders.filter((_, index) => index % 2 === 0);
    seen.push({ request: `${method} ${url}`, authorization: headers['proxy-authorization'], names });
  };
  const forward: RequestListener = (request, response) => {
    note(request);
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const onward = send(request.url!, { method: request.method ?? 'GET', headers }, (upstream) => {
      response.writeHead(upstream.statusCode!, upstream.headers);
      upstream.pipe(response);
    });
    request.pipe(onward.on('error', () => response.destroy()));
  };
  const server = certificate === undefined ? createServer(forward) : createSecureServer(certificate, forward);
  server.on('connection', (socket: Socket) => {
    clients.add(socket.on('error', () => {}));
    socket.once('close', () => clients.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    note(request);
    client.on('error', () => {});
    const how = next.shift() ?? 200;
    if (how === 'hang') client.resume().once('end', () => client.end());
    else if (how === 'reset') client.destroy();
    else if (how > 299) client.end(`HTTP/1.1 ${how} No\r\ncontent-length: 0\r\n\r\n`);
    else tunnel(request.url!, client, how);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://u:p%20w@127.0.0.1:${port}`,
    port,
    seen,
    next,
    async idle() {
      await Promise.all([...clients].map((socket) => once(socket, 'close')));
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      for (const client of clients) client.destroy();
      await once(server, 'close');
    },
  };
}

function tunnel(authority: string, client: Socket, status: number): void {
  const { hostname, port } = new URL(`http://${authority}`);
  const upstream = connect(Number(port), hostname, () => {
    client.write(`HTTP/1.1 ${status} OK\r\n\r\n`);
    client.pipe(upstream).pipe(client);
  });
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
}
