/** The server that the Workers call. Its own counts are what the checks believe. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Upstream extends AsyncDisposable {
  readonly origin: string;
  /** Requests by path and query. */
  readonly requests: ReadonlyMap<string, number>;
  /** The most requests of a path and query that ran at the same time. */
  readonly mostAtOnce: ReadonlyMap<string, number>;
}

export async function startUpstream(): Promise<Upstream> {
  const requests = new Map<string, number>();
  const running = new Map<string, number>();
  const mostAtOnce = new Map<string, number>();

  const respond = async (url: URL, request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const nth = requests.get(url.pathname + url.search)!;
    const ms = Number(url.searchParams.get('ms'));
    switch (url.pathname) {
      case '/echo':
        return request.pipe(response);
      case '/unsteady':
        return response.writeHead(nth === 1 ? 503 : 200).end(`attempt ${nth}`);
      case '/first-slow':
        await delay(nth === 1 ? ms : 0);
        return response.end(`copy ${nth}`);
      case '/silent':
        return undefined;
      case '/slow-body':
        response.write('begun ');
        await delay(ms);
        return response.end('done');
      default:
        await delay(ms);
        return response.end(`response to ${url.pathname}`);
    }
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://upstream');
    const key = url.pathname + url.search;
    requests.set(key, (requests.get(key) ?? 0) + 1);
    running.set(key, (running.get(key) ?? 0) + 1);
    mostAtOnce.set(key, Math.max(mostAtOnce.get(key) ?? 0, running.get(key)!));
    response.once('close', () => running.set(key, running.get(key)! - 1));
    respond(url, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    mostAtOnce,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
