/** The faults that only HTTP/2 has, and the list of them. A request above `times` of the same path and `id` succeeds. */
import type { Exchange } from './exchange.ts';
import type { Routes } from './routes.ts';
import type { Fault, Kind } from './table.ts';

export const http2Routes: Routes = {
  /** Resets the stream `at` a phase of the response, with the error `code` of RFC 9113 §7. */
  '/stream/reset': async (x) => {
    if (isOver(x)) return x.reply(200, 'ok');
    if (x.text('at', 'headers') === 'body') {
      await x.head(200, x.text('size', '') === '' ? {} : { 'content-length': x.number('size', 0) });
      await x.write('kyoa');
      await x.pause(20);
    }
    x.resetStream(x.number('code', codes.internalError));
  },
  /** Ends the stream without a head. */
  '/stream/half-close': (x) => x.halfClose(),
  /** Responds, and ignores every later request on the connection. */
  '/freeze': (x) => {
    x.freeze();
    return x.reply(200, 'ok');
  },
  /** Asks the client to open another connection, after every `every`th request of this one. */
  '/goaway': async (x) => {
    if (isOver(x) || x.seen.nth % x.number('every', 1) > 0) return x.reply(200, 'ok');
    const last = x.text('last', 'newest') as 'newest' | 'none' | 'all';
    if (x.text('at', 'headers') === 'body') {
      await x.head(200);
      await x.write('ky');
      await x.pause(20);
    }
    x.goAway(x.number('code', codes.noError), last);
    if (last === 'none') return;
    await x.pause(20);
    if (!x.seen.headSent) return x.reply(200, 'kyoa');
    await x.write('oa');
    await x.end();
  },
};

/** RFC 9113 §7. */
const codes = { noError: 0, protocolError: 1, internalError: 2, refused: 7, cancel: 8, enhanceYourCalm: 11 };

function isOver(x: Exchange): boolean {
  return x.turn() > x.number('times', Infinity);
}

const good = 'response';
const stream = { cause: 'ERR_HTTP2_STREAM_ERROR' };
const session = { cause: 'ERR_HTTP2_SESSION_ERROR' };

export const http2Faults: readonly Fault[] = [
  ...Object.entries(codes).flatMap(([name, code]) => [
    fault(`a reset with ${name} before the headers`, `/stream/reset?code=${code}`, 'error', stream),
    fault(`a reset with ${name} amid the body`, `/stream/reset?code=${code}&at=body`, 'error in body', stream),
    fault(
      `a reset with ${name} amid the announced body`,
      `/stream/reset?code=${code}&at=body&size=9`,
      'error in body',
      stream,
    ),
  ]),
  fault('a refused stream, once', `/stream/reset?code=${codes.refused}&times=1`, good),
  fault('a stream that ends without headers', '/stream/half-close', 'error', { cause: 'ERR_HTTP2_ERROR' }),
  fault('a response before the connection freezes', '/freeze', good),
  fault('a GOAWAY amid the body', '/goaway?at=body', good, { bytes: 4 }),
  fault('a GOAWAY before the headers', '/goaway', good, { bytes: 4 }),
  fault('a GOAWAY that announces another one', '/goaway?last=all', good, { bytes: 4 }),
  fault('a GOAWAY that excludes the request, once', '/goaway?last=none&times=1', good),
  fault('a GOAWAY that excludes a POST, once', '/goaway?last=none&times=1', good, { method: 'POST', upload: 10 }),
  fault('a GOAWAY that excludes the request, always', '/goaway?last=none', 'error', stream),
  fault('a GOAWAY with an error before the headers', `/goaway?code=${codes.internalError}`, 'error', session),
  fault(
    'a GOAWAY with an error amid the body',
    `/goaway?code=${codes.internalError}&at=body`,
    'error in body',
    session,
  ),
  fault('a GOAWAY with an error that excludes the request, once', '/goaway?code=11&last=none&times=1', good),
];

function fault(name: string, path: string, kind: Kind, more: Partial<Fault> = {}): Fault {
  return { name, path, node: kind, chromium: kind, ...more };
}
