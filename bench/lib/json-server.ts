/**
 * The upstream of clients under load, in a process of its own. It reads a request only to find its end, and writes fixed
 * bytes to the socket: for `/stream` a body of four chunks, for any other path a short JSON document. A `node:http` server
 * would become the bottleneck before the clients do.
 */
import { createServer, type AddressInfo } from 'node:net';
import { streamed } from './shapes.ts';

const head =
  'HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=60\r\n';

function document(): Buffer {
  const body = JSON.stringify({ ok: true, items: Array.from({ length: 8 }, (_, id) => ({ id })) });
  return Buffer.from(
    `${head}content-type: application/json; charset=utf-8\r\netag: "1-abcdef"\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

function stream(): Buffer {
  const size = streamed / 4;
  const chunk = `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
  return Buffer.from(
    `${head}content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(4)}0\r\n\r\n`,
  );
}

/** Where the first request ends, or -1 while a part of it is missing. */
function endOfRequest(bytes: string): number {
  const start = bytes.indexOf('\r\n\r\n') + 4;
  if (start === 3) return -1;
  if (bytes.startsWith('GET')) return start;
  const fields = bytes.slice(0, start);
  const length = /\r\ncontent-length: *(\d+)/i.exec(fields)?.[1];
  if (length !== undefined) return whole(start + Number(length));
  return /\r\ntransfer-encoding: *chunked/i.test(fields) ? endOfChunks(start) : start;

  function endOfChunks(at: number): number {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return -1;
    const size = Number.parseInt(bytes.slice(at, line), 16);
    const next = whole(line + 2 + size + 2);
    return size === 0 || next === -1 ? next : endOfChunks(next);
  }

  function whole(end: number): number {
    return end <= bytes.length ? end : -1;
  }
}

if (import.meta.main) {
  const [toItems, toStream] = [document(), stream()];
  const server = createServer((socket) => {
    let unread = '';
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      unread += bytes.toString('latin1');
      for (let end = endOfRequest(unread); end !== -1; end = endOfRequest(unread)) {
        socket.write(unread.startsWith('GET /stream') ? toStream : toItems);
        unread = unread.slice(end);
      }
    });
    socket.on('error', () => {}); // a client process ended
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
