/**
 * The upstream of clients under load, in a process of its own. It writes the same bytes to the socket for every GET. A
 * `node:http` server would become the bottleneck before the clients do.
 */
import { createServer, type AddressInfo } from 'node:net';

/** The number of items in a correct response. */
export const items: number = 8;

const body = JSON.stringify({ ok: true, items: Array.from({ length: items }, (_, id) => ({ id })) });

if (import.meta.main) {
  const response = Buffer.from(
    'HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json; charset=utf-8\r\n' +
      `etag: "1-abcdef"\r\nconnection: keep-alive\r\nkeep-alive: timeout=60\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const server = createServer((socket) => {
    let unread = '';
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      const heads = (unread + bytes.toString('latin1')).split('\r\n\r\n');
      unread = heads.pop()!;
      for (const _ of heads) socket.write(response);
    });
    socket.on('error', () => {}); // a client process ended
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
