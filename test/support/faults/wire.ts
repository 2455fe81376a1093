/** The receiving half of HTTP/1.1, which reads one request after another from a socket. */
import type { Socket } from 'node:net';

export type Headers = Readonly<Record<string, string>>;

export interface Head {
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly url: string;
  /** Names in lower case, repeated ones joined by a comma. */
  readonly headers: Headers;
}

export interface Wire {
  head(): Promise<Head>;
  /** Passes on the body of the request whose head was read last, piece by piece as it arrives. */
  body(headers: Headers, take: (bytes: Buffer) => void): Promise<void>;
}

/** Reads requests from the socket. Every read rejects once `gone` aborts, which means that the client has left. */
export function readWire(socket: Socket, gone: AbortSignal): Wire {
  let unread: Buffer = Buffer.alloc(0);
  let wake = (): void => {};

  socket.on('data', (bytes: Buffer) => {
    unread = unread.length === 0 ? bytes : Buffer.concat([unread, bytes]);
    wake();
  });
  gone.addEventListener('abort', () => wake());

  async function more(): Promise<void> {
    gone.throwIfAborted();
    await new Promise<void>((resolve) => (wake = resolve));
    gone.throwIfAborted();
  }

  function advance(length: number): Buffer {
    const piece = unread.subarray(0, length);
    unread = unread.subarray(piece.length);
    return piece;
  }

  async function upTo(delimiter: string): Promise<string> {
    let at: number;
    while ((at = unread.indexOf(delimiter)) === -1) await more();
    const text = advance(at).toString('latin1');
    advance(delimiter.length);
    return text;
  }

  async function exactly(length: number, take: (bytes: Buffer) => void): Promise<void> {
    for (let left = length; left > 0;) {
      if (unread.length === 0) await more();
      const piece = advance(left);
      left -= piece.length;
      take(piece);
    }
  }

  return {
    async head() {
      const [first = '', ...lines] = (await upTo('\r\n\r\n')).split('\r\n');
      const [, method, url] = /^(\S+) (\/\S*) HTTP\/1\.1$/.exec(first) ?? [];
      if (method === undefined || url === undefined) throw new Error(`Not an HTTP/1.1 request: ${first}`);
      return { method, url, headers: parseHeaders(lines) };
    },

    async body(headers, take) {
      if (headers['transfer-encoding'] === undefined) return exactly(Number(headers['content-length'] ?? 0), take);

      for (let size; (size = parseInt(await upTo('\r\n'), 16)) !== 0;) {
        if (Number.isNaN(size)) throw new Error('Not a chunk size');
        await exactly(size, take);
        await upTo('\r\n');
      }
      while ((await upTo('\r\n')) !== ''); // trailers
    },
  };
}

function parseHeaders(lines: readonly string[]): Headers {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}
