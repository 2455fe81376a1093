/**
 * A server of resumable uploads, over HTTP/1.1 or HTTP/2: `@tus/server` for tus, `draft-backend.ts` for the draft. It fails as
 * a test asks it to, and it records its requests.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ownCertificate } from '../faults/tls.ts';
import { allowed, type Handle } from './backend.ts';
import { draftBackend, type DraftOptions } from './draft-backend.ts';
import { tusBackend } from './tus-backend.ts';

/** How the next request with this method fails. */
export interface Trouble {
  readonly method: string;
  /** The connection is reset when this many bytes of the body have arrived. */
  readonly cutAfter?: number;
  /** The request is processed, and the connection is reset in place of the response. */
  readonly isLost?: boolean;
  /** The request is not processed: this is the response. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The request is never responded to. */
  readonly isSilent?: boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** The bytes of the body that have arrived. */
  bytes: number;
  status?: number;
}

export interface UploadServer extends AsyncDisposable {
  readonly origin: string;
  /** Where uploads are created. */
  readonly url: string;
  readonly ca: string | undefined;
  readonly seen: readonly SeenRequest[];
  /** By method and status: `POST 201`. */
  readonly log: readonly string[];
  trouble(...next: Trouble[]): void;
  /** The bytes of an upload. */
  bytesOf(url: string): Promise<Buffer>;
  /** Closes all connections. */
  disconnect(): void;
  /** Forgets all uploads. */
  forget(): Promise<void>;
}

export interface UploadServerOptions {
  readonly protocol: 'tus' | 'draft';
  readonly isSecure?: boolean;
  readonly maxSize?: number;
  readonly draft?: DraftOptions;
}

export async function uploadServer({ protocol, isSecure, ...options }: UploadServerOptions): Promise<UploadServer> {
  const seen: SeenRequest[] = [];
  const ahead: Trouble[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'kyoa-upload-'));
  const backend = protocol === 'tus' ? tusBackend(folder, options) : draftBackend(options.draft);

  const listener: Handle = (request, response) => {
    const { method = '', url = '', headers } = request;
    const entry: SeenRequest = { method, url, headers, bytes: 0 };
    seen.push(entry);
    request.on('error', () => {});
    response.on('error', () => {}).on('finish', () => (entry.status = response.statusCode));
    const index = ahead.findIndex((trouble) => trouble.method === method);
    const [trouble] = index < 0 ? [] : ahead.splice(index, 1);
    let isReset = false;
    const reset = (): void => {
      isReset = true;
      if ('stream' in response) (response.stream as { close(code: number): void }).close(2);
      else request.socket.resetAndDestroy();
    };
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, ...rest) => {
      entry.bytes += chunk?.length ?? 0;
      if (isReset) return false; // over HTTP/2 there is more on its way
      const pushed = push(chunk, ...rest);
      if (entry.bytes >= (trouble?.cutAfter ?? Infinity)) reset();
      return pushed;
    };
    if (trouble?.isSilent) return void request.resume();
    if (trouble?.status !== undefined) {
      request.resume();
      return void response.writeHead(trouble.status, { ...allowed(headers.origin), ...trouble.headers }).end();
    }
    if (trouble?.isLost) {
      response.writeHead = () => {
        reset();
        return response;
      };
      response.end = () => response;
    }
    return backend.handle(request, response);
  };
  const certificate = isSecure ? ownCertificate() : undefined;
  const server = certificate ? createSecureServer(certificate, listener as never) : createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `${isSecure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    origin,
    url: `${origin}/files`,
    ca: certificate && String(certificate.cert),
    seen,
    get log() {
      return seen.map(({ method, status = 'cut' }) => `${method} ${status}`);
    },
    trouble: (...next) => void ahead.push(...next),
    bytesOf: backend.bytesOf,
    disconnect() {
      for (const socket of sockets) socket.destroy();
    },
    forget: backend.forget,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
