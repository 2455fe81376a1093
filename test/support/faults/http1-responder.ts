/** How a response is sent over HTTP/1.1. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { sleep } from './clock.ts';
import { commonHeaders, type Recorded, type Responder, type ResponseHeaders } from './exchange.ts';

export function http1Responder(socket: Socket, gone: AbortSignal, seen: Recorded): Responder {
  let framing: 'length' | 'chunked' | 'close' = 'close';

  const responder: Responder = {
    raw: (bytes) =>
      new Promise((resolve, reject) => {
        gone.throwIfAborted();
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    halfHead: () => responder.raw('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-half: not the wh'),
    inform: (status) => responder.raw(headText(status, {})),

    async head(status, headers = {}, gap = 0) {
      framing = 'content-length' in headers ? 'length' : 'transfer-encoding' in headers ? 'chunked' : 'close';
      const text = headText(status, { ...commonHeaders(seen.headers, headers), ...headers });
      for (const piece of gap > 0 ? text.split(/(?<=\r\n)/) : [text]) {
        await responder.raw(piece);
        if (gap > 0) await sleep(gap, undefined, { signal: gone });
      }
      seen.headSent = true;
    },

    async write(bytes) {
      const body = Buffer.from(bytes);
      if (body.length > 0) await responder.raw(framing === 'chunked' ? chunk(body) : body);
    },

    async end() {
      if (framing === 'chunked') await responder.raw('0\r\n\r\n');
      if (framing === 'close') socket.end();
      return framing === 'close';
    },

    async reply(status, content = '', headers = {}) {
      const bodiless = status === 204 || status === 304;
      const body = Buffer.from(bodiless ? '' : content);
      const head = headText(status, {
        ...commonHeaders(seen.headers, headers),
        ...(bodiless ? {} : { 'content-length': body.length }),
        ...headers,
      });
      await responder.raw(seen.method === 'HEAD' ? head : Buffer.concat([Buffer.from(head), body]));
      seen.headSent = true;
    },

    cut(how) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.end();
    },
    resetStream: needsHttp2,
    halfClose: needsHttp2,
    goAway: needsHttp2,
    freeze: needsHttp2,
    stopReading: () => socket.pause(),
  };
  return responder;
}

function needsHttp2(): never {
  throw new Error('HTTP/1.1 has no streams');
}

function headText(status: number, headers: ResponseHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}`));
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join('\r\n');
}

function chunk(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
}
