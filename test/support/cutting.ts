/**
 * A server of one file, whose responses break off where a test says, over HTTP/1.1 and HTTP/2. It keeps the headers of
 * each request, and counts the bytes that it has sent.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createSecureServer, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { ownCertificate } from './faults/tls.ts';

export interface CuttingServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The headers of the requests, in order. */
  readonly requests: IncomingHttpHeaders[];
  /** After how many bytes of its body each response breaks off, in order; a response without a number is whole. */
  readonly cuts: (number | undefined)[];
  /** Changes the response to a request (1 for the first) before it is sent; `false`: the function has responded itself. */
  change: (response: Reply, request: number) => void | boolean;
  /** Bytes of bodies that were sent. */
  readonly sent: number;
  /** Resolves when no client is connected. */
  idle(): Promise<void>;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
  readonly path: string;
  /** The headers of the request. */
  readonly request: IncomingHttpHeaders;
  readonly response: NodeReply;
}

/** The members that the responses of both versions have. */
type NodeReply = Pick<Http2ServerResponse, 'writeHead' | 'write' | 'end' | 'once' | 'destroyed'> & {
  readonly destroy: () => void;
};

/** As long as `length`, without two equal parts of 256 bytes. */
export function bytesOf(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8) * 7 + seed) & 0xff;
  return bytes;
}

export interface CuttingOptions {
  readonly version?: 1 | 2;
  /** The validators and the like. @default an ETag */
  readonly headers?: Readonly<Record<string, string>>;
  /** @default true */
  readonly acceptsRanges?: boolean;
}

export async function cuttingServer(
  file: Uint8Array,
  { version = 1, headers = { etag: '"one"' }, acceptsRanges = true }: CuttingOptions = {},
): Promise<CuttingServer> {
  const requests: IncomingHttpHeaders[] = [];
  const cuts: (number | undefined)[] = [];
  const sockets = new Set<Socket>();
  let sent = 0;

  const respond = (
    request: { readonly headers: IncomingHttpHeaders; readonly url?: string | undefined },
    response: NodeReply,
  ): void => {
    requests.push(request.headers);
    const cut = cuts.shift();
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isPart = acceptsRanges && request.headers.range !== undefined;
    const reply: Reply = {
      status: 200,
      headers: { ...headers },
      body: file,
      path: request.url ?? '',
      request: request.headers,
      response,
    };
    if (isPart && start >= file.length) {
      Object.assign(reply, { status: 416, body: new Uint8Array() });
      reply.headers['content-range'] = `bytes */${file.length}`;
    } else if (isPart) {
      Object.assign(reply, { status: 206, body: file.subarray(start) });
      reply.headers['content-range'] = `bytes ${start}-${file.length - 1}/${file.length}`;
    }
    reply.headers['content-length'] ??= String(reply.body.length);
    if (server.change(reply, requests.length) === false) return;
    response.writeHead(reply.status, reply.headers);
    const part = reply.body.subarray(0, cut);
    sent += part.length;
    if (cut === undefined) response.end(part);
    else response.write(part, () => setTimeout(() => response.destroy(), 50)); // a client that reads has read it by then
  };
  const listener =
    version === 1
      ? createServer((request, response) => respond(request, response as never))
      : createSecureServer(ownCertificate(), (request, response) => {
          const { stream } = response;
          stream.on('error', () => {});
          respond(request, Object.assign(response, { destroy: () => stream.close(2) }));
        });
  listener.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => {});
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;

  const server: CuttingServer = {
    url: `${version === 1 ? 'http' : 'https'}://127.0.0.1:${port}/file`,
    port,
    requests,
    cuts,
    change: () => {},
    get sent() {
      return sent;
    },
    async idle() {
      // Not `once`, which rejects at the reset of a connection.
      await Promise.all(Array.from(sockets, (socket) => new Promise((resolve) => socket.once('close', resolve))));
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, 'close');
    },
  };
  return server;
}
