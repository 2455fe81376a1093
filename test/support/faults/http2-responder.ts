/** How a response is sent on a stream of HTTP/2. node:http2 sends what is proper, and we the frames that it would not. */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { sleep } from './clock.ts';
import { commonHeaders, type Cut, type Recorded, type Responder, type ResponseHeaders } from './exchange.ts';

/** The connection of a stream. */
export interface Http2Carrier {
  /** Sends bytes between two frames of node:http2. */
  raw(bytes: string | Buffer): Promise<void>;
  cut(how: Cut): void;
  freeze(): void;
  /** Sends a GOAWAY, unless there was one: streams above the newest one, or `last`, are not processed. */
  goAway(code: number, last?: number): void;
}

const frames = { data: 0, headers: 1, reset: 3, goAway: 7 };
const endStream = 1;
/** Headers of HTTP/1.1, which a stream does not have. */
const connectionHeaders = ['connection', 'transfer-encoding', 'keep-alive'];

export function http2Responder(
  stream: ServerHttp2Stream,
  carrier: Http2Carrier,
  gone: AbortSignal,
  seen: Recorded,
): Responder {
  const id = stream.id!;
  let left = Infinity;
  const respond = (status: number, headers: ResponseHeaders, ends = false): void => {
    gone.throwIfAborted();
    const fields = { ':status': status, ...commonHeaders(seen.headers, headers), ...headers } as OutgoingHttpHeaders;
    for (const name of connectionHeaders) delete fields[name];
    stream.respond(fields, { endStream: ends });
    seen.headSent = true;
  };

  const responder: Responder = {
    raw: (bytes) => carrier.raw(bytes),
    halfHead: () => carrier.raw(frame(frames.headers, 0, id, Buffer.alloc(100)).subarray(0, 20)),
    async inform(status) {
      gone.throwIfAborted();
      stream.additionalHeaders({ ':status': status });
    },
    async head(status, headers = {}, gap = 0) {
      if (gap > 0) await sleep(gap, undefined, { signal: gone });
      left = Number(headers['content-length'] ?? Infinity);
      respond(status, headers);
    },
    async write(bytes) {
      gone.throwIfAborted();
      if (bytes.length > 0 && !stream.write(bytes)) await once(stream, 'drain', { signal: gone });
      left -= bytes.length;
      if (left <= 0) stream.end();
    },
    async end() {
      stream.end();
      return false;
    },
    async reply(status, content = '', headers = {}) {
      const bodiless = status === 204 || status === 304;
      const body = Buffer.from(bodiless ? '' : content);
      const length = bodiless ? {} : { 'content-length': body.length };
      respond(status, { ...length, ...headers }, bodiless || seen.method === 'HEAD');
      if (!stream.writableEnded) stream.end(body);
    },
    cut: (how) => carrier.cut(how),
    resetStream: (code) => void carrier.raw(frame(frames.reset, 0, id, words(code))),
    halfClose: () => void carrier.raw(frame(frames.data, endStream, id, Buffer.alloc(0))),
    goAway(code, lastStream = 'newest') {
      // node:http2 does not exclude a stream that it has received.
      if (lastStream === 'none') void carrier.raw(frame(frames.goAway, 0, 0, words(Math.max(0, id - 2), code)));
      else carrier.goAway(code, lastStream === 'all' ? 2 ** 31 - 1 : undefined);
    },
    freeze: () => carrier.freeze(),
    stopReading: () => void stream.pause(),
  };
  return responder;
}

/** RFC 9113 §4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}
