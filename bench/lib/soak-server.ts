/** A server that responds in many ways, most of them bad. The path selects one. It counts the responses that are open. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const large = Buffer.alloc(300_000, 'kyoa ');

const responses = {
  json: (response) => response.setHeader('content-type', 'application/json').end('{"ok":true}'),
  large: (response) => response.end(large),
  huge(response) {
    let left = 8; // 2.4 MB, more than any policy keeps
    const more = (): void => {
      while (left > 0 && !response.destroyed && response.write(large)) left -= 1;
      if (left === 0) response.end();
    };
    response.on('drain', more);
    more();
  },
  empty: (response) => response.writeHead(204).end(),
  redirect: (response) => response.writeHead(302, { location: '/json' }).end(),
  failing: (response) => response.writeHead(Math.random() < 0.5 ? 503 : 200).end('perhaps'),
  slow: (response) => void setTimeout(() => response.end('late'), 40),
  drip(response) {
    response.write('a');
    setTimeout(() => response.end('b'), 5);
  },
  reset: (response) => response.socket?.resetAndDestroy(),
  broken(response) {
    response.writeHead(200, { 'content-length': '1000' }).write('a');
    setTimeout(() => response.socket?.destroy(), 2);
  },
  silent: () => {},
  stuck: (response) => void response.write('a'),
  events(response) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => response.write('data: 1\n\n'), 20);
    response.on('close', () => clearInterval(timer));
  },
} satisfies Readonly<Record<string, (response: ServerResponse) => void>>;

export type Way = keyof typeof responses;
export const ways: readonly Way[] = Object.keys(responses) as Way[];

export interface SoakServer {
  readonly origin: string;
  /** The responses that have begun and not ended. */
  readonly open: number;
  close(): Promise<void>;
}

export async function soakServer(): Promise<SoakServer> {
  let open = 0;
  const server = createServer((request, response) => {
    open += 1;
    response.on('close', () => (open -= 1)).on('error', () => {});
    const way = new URL(request.url!, 'http://x').pathname.slice(1) as Way;
    request
      .on('error', () => {})
      .on('end', () => responses[way](response))
      .resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      return open;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
