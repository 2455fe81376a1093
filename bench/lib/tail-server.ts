/** The upstream of `bench/tail.ts`, in a process of its own. It responds after seeded latencies and counts the requests. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lognormal, random } from './simulate.ts';

/** The latencies of the responses, ms, in the order of the requests. */
export const shapes = {
  'two modes': (random: () => number) => () => (random() < 0.015 ? 300 : 5),
  'long tail': (random: () => number) => lognormal({ median: 5, sigma: 1.45, random }),
} as const satisfies Record<string, (random: () => number) => () => number>;
export type Shape = keyof typeof shapes;

if (import.meta.main) {
  let latency: () => number = () => 0;
  let requests = 0;
  const server = createServer(({ url = '' }, response): unknown => {
    const { pathname, searchParams: query } = new URL(url, 'http://localhost');
    if (pathname === '/count') return response.end(String(requests));
    if (pathname === '/start') {
      requests = 0;
      latency = shapes[query.get('shape') as Shape](random(Number(query.get('seed'))));
      return response.end();
    }
    requests += 1;
    const timer = setTimeout(() => response.end('{"ok":true}'), latency());
    return response.on('close', () => clearTimeout(timer));
  });
  server.keepAliveTimeout = 60_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
