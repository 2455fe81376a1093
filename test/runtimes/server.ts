/** The server that all runtimes call: over HTTP/1.1, and over HTTP/2 for browsers that stream a request only there. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { ownCertificate } from '../support/faults/tls.ts';
import { uploadServer, type UploadServer } from '../support/uploads/server.ts';

export interface Server extends AsyncDisposable {
  readonly origin: string;
  readonly secureOrigin: string;
  /** Serves pages and takes reports: it is asked before the routes. */
  page: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** What the server has seen of the requests with one `id`. */
interface Seen {
  requests: number;
  running: number;
  /** The most that were running at the same time. */
  peak: number;
  /** Of how many the client closed the connection, or the stream, before the response was complete. */
  aborted: number;
}

type Route = (request: IncomingMessage, response: ServerResponse, seen: Seen, query: URLSearchParams) => void;

const routes: Readonly<Record<string, Route>> = {
  '/json': (_, response) => json(response, { name: 'Ada' }),
  '/echo': (request, response) => void request.pipe(response),
  /** Fails the first requests of an `id`: as many as `failures`. */
  '/unsteady': (_, response, { requests }, query) => {
    if (requests <= Number(query.get('failures') ?? 1)) response.writeHead(503).end();
    else json(response, { requests });
  },
  '/slow': (_, response, { requests }, query) => later(response, query, () => json(response, { requests })),
  /** Only the first request of an `id` is slow. */
  '/slow-once': (_, response, { requests }, query) => {
    if (requests > 1) json(response, { requests });
    else later(response, query, () => json(response, { requests }));
  },
  '/gzip': (_, response) => encoded(response, gzipSync('decoded')),
  '/truncated': (_, response) => encoded(response, gzipSync('decoded').subarray(0, 15)),
  '/redirect': (_, response) => void response.writeHead(302, { location: '/json' }).end(),
  /** Closes the connection of the first request of an `id`. */
  '/reset': (request, response, { requests }) => {
    if (requests === 1) request.destroy();
    else json(response, { requests });
  },
  '/silent': () => {},
  /** Sends the beginning of a body, and nothing more. */
  '/stall': (_, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).write('x'.repeat(2_048)),
  '/chunks': (_, response) => chunks(response, 'text/plain', 60, ['one ', 'two ', 'three']),
  '/events': (_, response, _seen, query) =>
    chunks(response, 'text/event-stream', Number(query.get('every')), [
      'data: one\n\n',
      'data: two\n\n',
      'data: three\n\n',
    ]),
  '/next-event': nextEvent,
};

/** The event after `Last-Event-ID`; the third one is the last. */
function nextEvent(request: IncomingMessage, response: ServerResponse): void {
  const last = Number(request.headers['last-event-id'] ?? 0);
  if (last === 3) response.writeHead(204).end();
  else response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`id: ${last + 1}\ndata: ${last + 1}\n\n`);
}

/** The servers of uploads, by protocol. */
type Uploads = Readonly<Record<string, UploadServer>>;

/** Where to upload. The first append is cut off. */
function uploadTarget(uploads: Uploads, response: ServerResponse, query: URLSearchParams): void {
  const server = uploads[query.get('protocol')!]!;
  server.trouble({ method: 'PATCH', cutAfter: 50_000 });
  json(response, { target: server.url, begun: server.log.length });
}

/** What has arrived, and how many appends were cut off since the upload has begun. */
async function uploaded(uploads: Uploads, response: ServerResponse, query: URLSearchParams): Promise<void> {
  const server = uploads[query.get('protocol')!]!;
  const text = (await server.bytesOf(query.get('uploaded')!)).toString();
  const breaks = server.log.slice(Number(query.get('begun'))).filter((line) => line === 'PATCH cut').length;
  await server.forget();
  json(response, { text, breaks });
}

export async function startServer(): Promise<Server> {
  const seen = new Map<string, Seen>();
  const uploads = { tus: await uploadServer({ protocol: 'tus' }), draft: await uploadServer({ protocol: 'draft' }) };
  const respond: RequestListener = (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    if (server.page(request, response)) return;
    for (const header of ['origin', 'methods', 'headers'])
      response.setHeader(`access-control-allow-${header}`, header === 'methods' ? 'GET, POST' : '*');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    response.setHeader('cache-control', 'no-store');
    const id = query.get('id') ?? pathname;
    if (pathname === '/upload-target') return uploadTarget(uploads, response, query);
    if (pathname === '/uploaded') return void uploaded(uploads, response, query).catch(() => response.destroy());
    if (pathname === '/seen') return json(response, seen.get(id) ?? {});
    const route = routes[pathname];
    if (route === undefined) return void response.writeHead(404).end();
    return route(request, response, count(response, entryOf(seen, id)), query);
  };

  const plain = createServer(respond);
  const secure = createSecureServer({ ...ownCertificate(), allowHTTP1: true }, respond as never);
  const sockets = new Set<Socket>();
  const ports: number[] = [];
  for (const listener of [plain, secure]) {
    listener.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    ports.push((listener.address() as AddressInfo).port);
  }

  const server: Server = {
    origin: `http://127.0.0.1:${ports[0]}`,
    secureOrigin: `https://127.0.0.1:${ports[1]}`,
    page: () => false,
    async [Symbol.asyncDispose]() {
      const closed = [plain, secure].map((listener) => once(listener, 'close'));
      for (const listener of [plain, secure]) listener.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
      for (const uploading of Object.values(uploads)) await uploading[Symbol.asyncDispose]();
    },
  };
  return server;
}

function entryOf(seen: Map<string, Seen>, id: string): Seen {
  const entry = seen.get(id) ?? { requests: 0, running: 0, peak: 0, aborted: 0 };
  seen.set(id, entry);
  return entry;
}

function count(response: ServerResponse, seen: Seen): Seen {
  seen.requests += 1;
  seen.running += 1;
  seen.peak = Math.max(seen.peak, seen.running);
  response.once('close', () => {
    seen.running -= 1;
    if (!response.writableFinished) seen.aborted += 1;
  });
  return { ...seen };
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
}

function encoded(response: ServerResponse, body: Buffer): void {
  response.setHeader('content-encoding', 'gzip').end(body);
}

function later(response: ServerResponse, query: URLSearchParams, work: () => void): void {
  const timer = setTimeout(work, Number(query.get('ms')));
  response.once('close', () => clearTimeout(timer));
}

/** Sends one part every `ms`. */
function chunks(response: ServerResponse, type: string, ms: number, parts: readonly string[]): void {
  response.writeHead(200, { 'content-type': type });
  let sent = 0;
  const send = (): void => {
    response.write(parts[sent]);
    sent += 1;
    if (sent < parts.length) return;
    clearInterval(timer);
    response.end();
  };
  const timer = setInterval(send, ms);
  response.once('close', () => clearInterval(timer));
  send();
}
