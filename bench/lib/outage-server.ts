/**
 * The upstream of `bench/outage.ts`, in a process of its own. It works or fails as the parent process orders, and records
 * the time of every request.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `503`: the status of every response is 503. `reset`: the request is read, then its connection is reset. */
export type Outage = '503' | 'reset';

/** The messages to the server. */
export type Order = { readonly fail: Outage | undefined } | 'report';
/** The messages from the server: its origin, the time of a change, and the times of all requests. Times are Unix ms. */
export type Reply = { readonly origin: string } | { readonly at: number } | { readonly requests: readonly number[] };

/** Unix ms with a higher resolution than `Date.now()`; the clock is the same for all processes of a machine. */
export function unixTime(): number {
  return performance.timeOrigin + performance.now();
}

if (import.meta.main) {
  const requests: number[] = [];
  let outage: Outage | undefined;
  const server = createServer(({ socket }, response): unknown => {
    requests.push(unixTime());
    if (outage === 'reset') return socket.resetAndDestroy();
    if (outage === '503') response.statusCode = 503;
    return response.setHeader('content-type', 'application/json').end('{"ok":true}');
  });
  server.keepAliveTimeout = 60_000;
  const reply = (reply: Reply): unknown => process.send!(reply);
  process.on('message', (order: Order) => {
    if (order === 'report') reply({ requests });
    else {
      outage = order.fail;
      reply({ at: unixTime() });
    }
  });
  process.on('disconnect', () => process.exit());
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    reply({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
}
