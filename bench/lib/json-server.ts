/**
 * The upstream of clients under load, in a process of its own: the same bytes for every GET, straight from a socket. An HTTP
 * server would be the bottleneck before the clients are.
 */
import { createServer, type AddressInfo } from 'node:net';

/** How many there are in a right answer. */
export const items: number = 8;

const body = JSON.stringify({ ok: true, items: Array.from({ length: items }, (_, id) => ({ id })) });

if (import.meta.main) {
  const answer = Buffer.from(
    'HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json; charset=utf-8\r\n' +
      `etag: "1-abcdef"\r\nconnection: keep-alive\r\nkeep-alive: timeout=60\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const server = createServer((socket) => {
    let unread = '';
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      const heads = (unread + bytes.toString('latin1')).split('\r\n\r\n');
      unread = heads.pop()!;
      for (const _ of heads) socket.write(answer);
    });
    socket.on('error', () => {}); // a client that ends
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
