/** The body of a request in the form in which undici sends it: as bytes, or in pieces. */
import type { BodyInit } from '../../../src/core/engine/fetch-types.ts';
import { isArrayBuffer } from 'node:util/types';

import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { cancelStream, isStream, textOf } from '../../../src/core/engine/request-body.ts';
import { encodeMultipart } from './multipart.ts';

type Pieces = AsyncIterable<Uint8Array>;

export interface RequestBody {
  /** Bytes; undefined for a stream whose length is not known. */
  readonly length: number | undefined;
  /** Whether `open` can be called more than once, to send the body again. */
  readonly replayable: boolean;
  open(): Uint8Array | Pieces;
  /** Cancels the stream that the body comes from. */
  cancel?(reason: unknown): void;
}

/** A stream of which too little has arrived to know how it is sent. */
export interface PendingBody {
  readonly ready: Promise<RequestBody>;
  cancel(reason: unknown): void;
}

/** Bytes that a socket buffers before its peer has read any. A longer body is sent in pieces, which the `write` limit covers. */
const pieceLength = 64 * 1024;

/** `undefined` for a request without a body. */
export function requestBody(request: RequestLike): RequestBody | PendingBody | undefined {
  const { body } = request;
  if (body === null) return undefined;
  if (body !== undefined && !isStream(body)) return ofSource(request, body);
  return ofStream(request, request.request.body!, body === undefined ? pieceLength : 0);
}

/** For a call that is aborted before its body is read. A Request is used up by it (Fetch Standard, "abort the fetch() call"). */
export function cancelBody(request: RequestLike, reason: unknown): void {
  const { body } = request;
  const stream = body === undefined ? request.request.body : body instanceof ReadableStream ? body : undefined;
  if (stream?.locked === false) void cancelStream(stream.getReader(), request.header('content-type'), reason);
}

function ofSource(request: RequestLike, source: BodyInit): RequestBody {
  if (source instanceof URLSearchParams) return ofBytes(Buffer.from(source.toString()));
  if (source instanceof Blob) return { length: source.size, replayable: true, open: () => source.stream() };
  if (source instanceof FormData) return { ...encodeMultipart(source, boundaryOf(request)), replayable: true };
  // An ArrayBuffer of another realm, such as a `vm` context, is no instance of this one.
  if (isArrayBuffer(source) || ArrayBuffer.isView(source)) return ofBytes(bytesOf(source));
  return ofBytes(Buffer.from(textOf(source)));
}

function ofBytes(bytes: Uint8Array): RequestBody {
  const { length } = bytes;
  return { length, replayable: true, open: () => (length > pieceLength ? piecesOf(bytes) : bytes) };
}

async function* piecesOf(bytes: Uint8Array): Pieces {
  for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
}

function ofStream(request: RequestLike, stream: ReadableStream<Uint8Array>, limit: number): PendingBody {
  const reader = stream.getReader();
  const cancel = (reason?: unknown): void => void cancelStream(reader, request.header('content-type'), reason);
  return { ready: begin(reader, limit, cancel), cancel };
}

/**
 * The body of a Request is a stream even if the Request was made of bytes or of a form. A stream that ends without a
 * pause, and with the chunk that exceeds `limit` or before it, is taken for bytes: it is sent with its length, and can be
 * sent again.
 */
async function begin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
  cancel: (reason?: unknown) => void,
): Promise<RequestBody> {
  const chunks: Uint8Array[] = [];
  let next = reader.read();
  let result: ReadableStreamReadResult<Uint8Array> | undefined = await next;
  for (let length = 0; result?.done === false && length <= limit;) {
    chunks.push(checkChunk(result.value));
    length += result.value.length;
    next = reader.read();
    next.catch(() => undefined); // `rest` throws this error
    result = await Promise.race([next, nextTurn()]);
  }
  if (result?.done === true) return ofBytes(Buffer.concat(chunks));

  async function* rest(): Pieces {
    try {
      yield* chunks;
      for (let { done, value } = await next; !done; { done, value } = await reader.read()) yield checkChunk(value!);
    } finally {
      cancel(); // undici stops reading when the exchange has ended
    }
  }
  return { length: undefined, replayable: false, open: rest, cancel };
}

/** No view can be made of a buffer that was transferred; it has no bytes. */
function bytesOf(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (source.byteLength === 0) return new Uint8Array();
  if (!ArrayBuffer.isView(source)) return new Uint8Array(source);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

function checkChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('Received non-Uint8Array chunk');
}

/** Resolves after the present turn of the event loop. */
function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(resolve, undefined));
}

function boundaryOf(request: RequestLike): string {
  return /boundary=("?)([^";]+)\1/i.exec(request.header('content-type') ?? '')?.[2] ?? crypto.randomUUID();
}
