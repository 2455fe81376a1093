/** The upstream of `bench/dedupe.ts`, in a process of its own: 64 KB for every path, and how often it was asked for. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const size: number = 64 * 1024;

/** What a right answer is. */
export function bodyOf(path: string): string {
  return path.padEnd(size, ` ${path}`);
}

/** Long enough for a whole burst to be in flight, ms. */
const delay = 50;

if (import.meta.main) {
  const asked = new Map<string, number>();
  const server = createServer(({ url = '' }, answer) => {
    if (url.startsWith('/asked')) {
      answer.end(String(asked.get(url.slice('/asked'.length)) ?? 0));
    } else {
      asked.set(url, (asked.get(url) ?? 0) + 1);
      setTimeout(() => answer.setHeader('content-type', 'text/plain').end(bodyOf(url)), delay);
    }
  });
  server.keepAliveTimeout = 60_000;
  // Plain fetch opens a connection for every call.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
