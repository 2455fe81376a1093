/** The upstream of `bench/dedupe.ts`, in a process of its own. It sends 64 KB for every path and counts the requests. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const size: number = 64 * 1024;

/** The correct body for a path. */
export function bodyOf(path: string): string {
  return path.padEnd(size, ` ${path}`);
}

/** The delay of every response, ms: long enough that a whole burst is in flight. */
const delay = 50;

if (import.meta.main) {
  const requests = new Map<string, number>();
  const server = createServer(({ url = '' }, response) => {
    if (url.startsWith('/count')) {
      response.end(String(requests.get(url.slice('/count'.length)) ?? 0));
    } else {
      requests.set(url, (requests.get(url) ?? 0) + 1);
      setTimeout(() => response.setHeader('content-type', 'text/plain').end(bodyOf(url)), delay);
    }
  });
  server.keepAliveTimeout = 60_000;
  // Plain fetch opens a connection for every call.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
