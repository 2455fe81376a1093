/**
 * An HTTP proxy on loopback before a server of files. It cuts the connection of a download at the given bytes of its file,
 * and counts what it has passed on.
 */
import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Download {
  /** The bytes of the file after which the connection is cut, in order. */
  readonly cuts: number[];
  /** Called after the first cut. */
  readonly onCut?: () => void;
  /** Bytes of the body a second. @default as many as the client takes */
  readonly rate?: number | undefined;
  /** Bytes of bodies that were passed on. */
  passed: number;
  requests: number;
}

export interface CuttingProxy extends AsyncDisposable {
  readonly origin: string;
  /** By the `n` of its query; other requests are passed on whole. */
  readonly downloads: Map<string, Download>;
}

/** Paths below `/files/` go to the server of files, all others to the other port. */
export async function startCuttingProxy(files: number, others = files): Promise<CuttingProxy> {
  const downloads = new Map<string, Download>();

  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url!, 'http://proxy');
    const download = downloads.get(searchParams.get('n') ?? '');
    const port = pathname.startsWith('/files/') ? files : others;
    const onward = send({ port, path: request.url!, method: request.method!, headers: request.headers }, (upstream) => {
      response.writeHead(upstream.statusCode!, upstream.headers);
      if (download === undefined || request.method !== 'GET') upstream.pipe(response);
      else void relay(upstream, response, download);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy()).on('error', () => {});
    request.pipe(onward);
  };

  const server = createServer(forward).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    downloads,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function relay(upstream: IncomingMessage, response: ServerResponse, download: Download): Promise<void> {
  download.requests += 1;
  const [, start = '0'] = /^bytes (\d+)-/.exec(upstream.headers['content-range'] ?? '') ?? [];
  let position = Number(start);
  const { cuts, rate = Infinity } = download;
  const started = performance.now();
  let written = 0;
  try {
    for await (const chunk of upstream as AsyncIterable<Buffer>) {
      // A cut before the start of this part has no effect.
      while (cuts.length > 0 && cuts[0]! < position) cuts.shift();
      const left = (cuts[0] ?? Infinity) - position;
      const part = chunk.subarray(0, left);
      download.passed += part.length;
      position += part.length;
      written += part.length;
      const early = started + (1_000 * written) / rate - performance.now();
      if (early > 1) await sleep(early);
      const isFull = !response.write(part);
      if (part.length < chunk.length || left === chunk.length) {
        cuts.shift();
        // The client has the bytes before the end of the connection.
        if (isFull) await once(response, 'drain');
        response.socket?.end(() => response.destroy());
        download.onCut?.();
        return;
      }
      if (isFull) await once(response, 'drain');
    }
    response.end();
  } catch {
    response.destroy();
  }
}
