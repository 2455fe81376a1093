/** Sends responses. Pages of any origin may read them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { bytesOf, headersOf, pieceOf } from '../network/reply.ts';
import type { Reply } from '../network/reply.ts';

const LARGEST = 64 * 1024;

export function send(res: ServerResponse, reply: Reply): void {
  res.end(begin(res, reply));
}

/** How a body is sent, if not at once. */
export interface Sending {
  /** The time between two pieces, ms. */
  readonly gap: number;
  /** The share of the body after which nothing more is sent. @default 1 */
  readonly until?: number;
  /** Aborts when the client has disconnected. */
  readonly gone: AbortSignal;
}

/** Sends the response in pieces. Rejects when the client has disconnected. */
export async function trickle(res: ServerResponse, reply: Reply, { gap, until = 1, gone }: Sending): Promise<void> {
  const body = begin(res, reply);
  const last = Math.floor(body.length * until);
  const size = pieceOf(reply);
  for (let at = 0; at < last; at += size) {
    res.write(body.subarray(at, Math.min(at + size, last)));
    await wait(gap, undefined, { signal: gone });
  }
  if (last === body.length) res.end();
}

export function preflight(req: IncomingMessage): Reply {
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      // The names that were requested, because the wildcard does not cover Authorization.
      'access-control-allow-headers': req.headers['access-control-request-headers'] ?? '*',
      'access-control-max-age': '600',
    },
  };
}

/** Parses the body of the request; `undefined` if it is not JSON or larger than 64 KiB. */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= LARGEST) chunks.push(chunk);
  }
  try {
    return size <= LARGEST ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
  } catch {
    return undefined;
  }
}

function begin(res: ServerResponse, reply: Reply): Uint8Array {
  const bytes = bytesOf(reply);
  res.writeHead(reply.status, {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': '*',
    ...(bytes.length > 0 && { 'content-length': String(bytes.length) }),
    ...headersOf(reply),
  });
  return bytes;
}
