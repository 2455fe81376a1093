/** The upstream of `bench/outage.ts`, in a process of its own: works, or fails in the way it is told, and notes when it was asked. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `503`: every answer is one. `reset`: the request is read, then its connection is reset. */
export type Outage = '503' | 'reset';

/** What it may be told. */
export type Order = { readonly fail: Outage | undefined } | 'report';
/** What it says in return: its origin first, then when it obeyed an order, then when each request came. Unix ms. */
export type Reply = { readonly origin: string } | { readonly at: number } | { readonly asked: readonly number[] };

/** Unix ms, finer than `Date.now()` and the same for all processes of a machine. */
export function unixTime(): number {
  return performance.timeOrigin + performance.now();
}

if (import.meta.main) {
  const asked: number[] = [];
  let outage: Outage | undefined;
  const server = createServer(({ socket }, answer): unknown => {
    asked.push(unixTime());
    if (outage === 'reset') return socket.resetAndDestroy();
    if (outage === '503') answer.statusCode = 503;
    return answer.setHeader('content-type', 'application/json').end('{"ok":true}');
  });
  server.keepAliveTimeout = 60_000;
  const reply = (reply: Reply): unknown => process.send!(reply);
  process.on('message', (order: Order) => {
    if (order === 'report') reply({ asked });
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
