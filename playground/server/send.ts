/** Sends responses. Pages of any origin may read them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { PIECES } from '../network/reply.ts';
import type { Reply } from '../network/reply.ts';

const LARGEST = 64 * 1024;

export function send(res: ServerResponse, reply: Reply): void {
  res.end(begin(res, reply));
}

/** Sends the response in ten pieces, `gap` ms apart. Rejects when `gone` aborts, because the client disconnected. */
export async function trickle(res: ServerResponse, reply: Reply, gap: number, gone: AbortSignal): Promise<void> {
  const body = begin(res, reply);
  const size = Math.ceil(body.length / PIECES);
  for (let at = 0; at < body.length; at += size) {
    res.write(body.subarray(at, at + size));
    await wait(gap, undefined, { signal: gone });
  }
  res.end();
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

function begin(res: ServerResponse, { status, body, headers }: Reply): Buffer {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': '*',
    'cache-control': 'no-store',
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
    ...headers,
  });
  return bytes;
}
