/** One connection of HTTP/2: requests on streams of their own, at the same time. */
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { now } from './clock.ts';
import { find, respond, type Connection, type Host } from './connection.ts';
import { exchange, record, type Cut, type Recorded } from './exchange.ts';
import { http2Responder, type Http2Carrier } from './http2-responder.ts';

/** `below` is the socket below TLS: only it can be reset. */
export function serveHttp2(socket: TLSSocket, below: Socket, number: number, host: Host): Connection {
  const busy = new Set<Recorded>();
  let nth = 0;
  let retired = false;
  let failNext: Cut | undefined;

  const { frames, inject } = framesOf(socket);
  const carrier: Http2Carrier = {
    raw: inject,
    cut(how) {
      if (how === 'fin') {
        socket.end();
        return;
      }
      // Until the client has received what was sent before, and with nothing unread, which would turn the RST into silence.
      carrier.freeze();
      setTimeout(() => below.resetAndDestroy(), 5);
    },
    freeze: () => void socket.removeAllListeners('data').resume(),
    goAway(code, last) {
      if (session.closed || retired) return;
      retired = true;
      session.goaway(code, last ?? 0);
    },
  };
  below.setNoDelay(true);
  socket.on('error', () => {}); // a reset by the client; `close` follows
  const session = performServerHandshake(frames);
  session.on('error', () => socket.destroy());
  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void request(stream, headers));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      session.destroy();
      resolve();
    });
  });

  async function request(stream: ServerHttp2Stream, fields: IncomingHttpHeaders): Promise<void> {
    const left = new AbortController();
    const { ':method': method = '', ':path': url = '', ...headers } = fields;
    const seen = record({ method, url, headers: { host: fields[':authority'], ...headers } as never }, number, ++nth);
    const how = failNext;
    const responder = http2Responder(stream, carrier, left.signal, seen);
    const x = exchange({ ...host, seen, responder, gone: left.signal, failNext: (how) => (failNext = how) });
    const early = find(host.earlyRoutes, seen.path);
    const route = how ? (): void => x.cut(how) : (host.outage() ?? early ?? find(host.routes, seen.path));
    busy.add(seen);
    stream.on('error', () => {}); // a reset by the client; `close` follows
    stream.on('close', () => {
      if (seen.state !== 'cut' && seen.state !== 'complete') {
        seen.state = 'aborted';
        seen.abortedAfter = now() - seen.at;
      }
      busy.delete(seen);
      left.abort();
      host.changed();
    });
    host.arrived(seen);
    host.changed();

    const received = new Promise<void>((resolve) => stream.on('end', resolve));
    stream.on('data', (bytes: Buffer) => {
      seen.pieces.push(bytes);
      host.changed();
    });
    try {
      if (early === undefined) await received;
      seen.state = 'answering';
      host.changed();
      await respond(x, route);
      if (x.seen.state === 'cut') return void busy.delete(seen);
      left.signal.throwIfAborted();
      seen.state = 'complete';
      busy.delete(seen);
      host.changed();
    } catch (error) {
      if (!left.signal.aborted && !stream.destroyed) throw error;
    }
  }

  return {
    get busy() {
      return [...busy];
    },
    closed,
    disarm: () => (failNext = undefined),
    destroy: () => socket.destroy(),
  };
}

/**
 * The socket as node:http2 uses it, and a function that sends bytes of ours between two of its frames. node:http2 would
 * otherwise write into the socket natively.
 */
function framesOf(socket: TLSSocket): { frames: Duplex; inject: (bytes: string | Buffer) => Promise<void> } {
  const injected: (() => void)[] = [];
  /** The bytes that are missing of the present frame, and of its head. */
  let payload = 0;
  let head = Buffer.alloc(0);

  const isBetween = (): boolean => payload === 0 && head.length === 0;
  const follow = (bytes: Buffer): void => {
    for (let rest = bytes; rest.length > 0;) {
      const taken = payload > 0 ? payload : 9 - head.length;
      if (payload > 0) payload -= Math.min(payload, rest.length);
      else head = Buffer.concat([head, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      if (head.length < 9) continue;
      payload = head.readUIntBE(0, 3);
      head = Buffer.alloc(0);
    }
  };
  const frames = new Duplex({
    read: () => void socket.resume(),
    write(bytes: Buffer, _encoding, done) {
      if (!socket.writable) return done();
      follow(bytes);
      socket.write(bytes, () => done());
      if (isBetween()) for (const send of injected.splice(0)) send();
    },
    final(done) {
      socket.end(() => done());
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (bytes: Buffer) => {
    if (!frames.push(bytes)) socket.pause();
  });
  socket.on('end', () => frames.push(null));
  socket.on('close', () => frames.destroy());
  frames.on('error', () => {});

  const inject = (bytes: string | Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const send = (): void => void socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      if (isBetween()) send();
      else injected.push(send);
    });
  return { frames, inject };
}
