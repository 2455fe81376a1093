/** One exchange on a stream of an HTTP/2 connection. */
import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';

import { errors, type Dispatcher } from 'undici';

import type { Exchange } from './exchange.ts';

/** The connection of a stream, as far as the stream depends on it. */
export interface StreamOwner {
  readonly session: ClientHttp2Session;
  readonly authority: string;
  /** The server has not processed the streams above this one (RFC 9113 §6.8). */
  readonly lastStreamId: number;
  /** Why the connection has ended, which a stream does not always report. */
  readonly failure: Error | undefined;
  /** The stream has closed. */
  left(): void;
  /** The connection takes no further streams. */
  retire(): void;
  /**
   * Finds out whether the server is still there. A connection that has died without a sign would let every later
   * request wait in vain.
   */
  probe(): void;
}

type Body = Uint8Array | AsyncIterable<Uint8Array> | undefined;

/** A server that refuses a stream is under load: one more attempt. */
const maxAfterRefusal = 1;
/** A server that closes a connection asks for another one: the limit of Go's client. */
const maxAfterGoAway = 6;

export class Http2Stream implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly #owner: StreamOwner;
  readonly #exchange: Exchange;
  #stream: ClientHttp2Stream | undefined;
  #error: Error | undefined;
  /** The error code of HTTP/2 with which the headers of the request were not sent. */
  #unsent: number | undefined;
  #responded = false;
  /** Whether the server has ended the stream. Node ends it for the reader as well when the server resets it. */
  #complete = false;
  #ended = false;

  constructor(owner: StreamOwner, exchange: Exchange) {
    this.#owner = owner;
    this.#exchange = exchange;
    try {
      const { method, path, headers, body } = exchange.open();
      const fields = requestFields(headers as readonly string[], owner.authority);
      if (body == null) delete fields['content-length'];
      if (body == null && (method === 'POST' || method === 'PUT')) fields['content-length'] = '0';
      if (body instanceof Uint8Array) checkLength(fields, body.length);
      exchange.onRequestStart(this);
      if (this.#ended) this.#left();
      else this.#open({ ':method': method, ':scheme': 'https', ':path': path, ...fields }, body as Body);
    } catch (error) {
      this.#left();
      if (isOver(owner.session)) exchange.onUnprocessed(new errors.SocketError('other side closed'), maxAfterGoAway);
      else exchange.onResponseError(this, error as Error);
    }
  }

  abort(reason: Error): void {
    if (this.#ended) return;
    this.aborted = true;
    this.reason = reason;
    this.#ended = true;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    if (!this.#responded || reason.name === 'TimeoutError') this.#owner.probe();
    this.#exchange.onResponseError(this, reason);
  }

  pause(): void {
    this.paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.paused = false;
    this.#stream?.resume();
  }

  #open(fields: OutgoingHttpHeaders, body: Body): void {
    const stream = this.#owner.session.request(fields, { endStream: body === undefined });
    this.#stream = stream;
    stream
      .on('response', (headers) => this.#respond(headers))
      .on('data', (chunk: Buffer) => {
        if (!this.#ended) this.#exchange.onResponseData(this, chunk);
      })
      .on('end', () => this.#end())
      .on('error', (error: Error) => (this.#error = error))
      .on('frameError', (_type, code: number) => (this.#unsent = code))
      .on('close', () => this.#close());
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) this.#complete ||= !stream.closed;
      return push(chunk, encoding);
    };
    if (body === undefined) this.#exchange.onRequestSent();
    else void this.#send(stream, body, fields);
  }

  async #send(stream: ClientHttp2Stream, body: NonNullable<Body>, fields: OutgoingHttpHeaders): Promise<void> {
    try {
      if (body instanceof Uint8Array) stream.end(body);
      else {
        let length = 0;
        for await (const piece of body) {
          if (stream.closed) return;
          length += piece.length;
          // The server ends the connection, with all of its streams, for a byte too many.
          if (length > Number(fields['content-length'])) throw new errors.RequestContentLengthMismatchError();
          if (!stream.write(piece)) await drained(stream);
        }
        if (stream.closed) return;
        checkLength(fields, length);
        stream.end();
      }
      this.#exchange.onRequestSent();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #respond(headers: IncomingHttpHeaders): void {
    if (this.#ended) return;
    this.#responded = true;
    this.#exchange.onResponseStarted();
    this.#exchange.onResponseStart(this, Number(headers[':status']), headers, '');
  }

  #end(): void {
    if (this.#ended || !this.#responded || !this.#complete) return;
    this.#ended = true;
    // A server may respond before it has the whole request, the rest of which it does not want.
    if (!this.#stream!.writableFinished) this.#stream!.close(constants.NGHTTP2_CANCEL);
    this.#exchange.onResponseEnd();
  }

  #close(): void {
    this.#left();
    if (this.#ended) return;
    this.#ended = true;
    const { id, rstCode } = this.#stream!;
    const error = this.#error ?? this.#owner.failure ?? resetError(rstCode);
    // A server that has had enough of this connection refuses every further stream of it.
    if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.#owner.retire();
    if (this.#unsent === constants.NGHTTP2_FRAME_SIZE_ERROR) {
      return this.#exchange.onResponseError(this, new errors.InvalidArgumentError('the headers are too large'));
    }
    const isUnprocessed = this.#unsent !== undefined || id === undefined || id > this.#owner.lastStreamId;
    if (isUnprocessed) this.#exchange.onUnprocessed(error, maxAfterGoAway);
    else if (rstCode === constants.NGHTTP2_REFUSED_STREAM) this.#exchange.onUnprocessed(error, maxAfterRefusal, true);
    else this.#exchange.onResponseError(this, error);
  }

  #left(): void {
    this.#owner.left();
  }
}

/** Fields that belong to a connection of HTTP/1.1 (RFC 9113 §8.2.2). The first are refused, as by undici. */
const refused: ReadonlySet<string> = new Set(['transfer-encoding', 'keep-alive', 'upgrade']);
const dropped: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'http2-settings']);

function requestFields(headers: readonly string[], authority: string): OutgoingHttpHeaders {
  const fields: Record<string, string> = { ':authority': authority };
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (refused.has(name)) throw new errors.InvalidArgumentError(`invalid ${name} header`);
    if (name === 'expect') throw new errors.NotSupportedError('expect header not supported');
    const value = headers[at + 1]!;
    if (dropped.has(name) || (name === 'te' && value !== 'trailers')) continue;
    fields[name === 'host' ? ':authority' : name] = value;
  }
  return fields;
}

function checkLength({ 'content-length': announced }: OutgoingHttpHeaders, length: number): void {
  if (announced !== undefined && Number(announced) !== length) throw new errors.RequestContentLengthMismatchError();
}

/** For a reset that Node does not report as an error: with NO_ERROR or CANCEL. */
function resetError(code: number): Error {
  const message = `The server reset the stream before its response was complete (HTTP/2 error code ${code})`;
  return Object.assign(new Error(message), { code: 'ERR_HTTP2_STREAM_ERROR' });
}

function isOver({ closed, destroyed }: ClientHttp2Session): boolean {
  return closed || destroyed;
}

/** Resolves when the stream takes more bytes, or none at all. */
function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
