/** The body of a request in the form in which undici sends it: as bytes, or in pieces. */
import type { RequestLike } from '../../../src/core/engine/lazy-request.ts';
import { isStream } from '../../../src/core/engine/request-body.ts';
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

/** Bytes that a socket buffers before its peer has read any. A longer body is sent in pieces, which the `write` limit covers. */
const pieceLength = 64 * 1024;

/** `undefined` for a request without a body. */
export function requestBody(request: RequestLike): RequestBody | Promise<RequestBody> | undefined {
  const { body } = request;
  if (body === null) return undefined;
  return body === undefined || isStream(body) ? ofStream(request.request.body!) : ofSource(request, body);
}

function ofSource(request: RequestLike, source: BodyInit): RequestBody {
  if (source instanceof URLSearchParams) return ofBytes(Buffer.from(source.toString()));
  if (source instanceof Blob) return { length: source.size, replayable: true, open: () => source.stream() };
  if (source instanceof FormData) return { ...encodeMultipart(source, boundaryOf(request)), replayable: true };
  if (source instanceof ArrayBuffer) return ofBytes(new Uint8Array(source));
  if (ArrayBuffer.isView(source)) return ofBytes(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  return ofBytes(Buffer.from(source as unknown as string));
}

function ofBytes(bytes: Uint8Array): RequestBody {
  const { length } = bytes;
  return { length, replayable: true, open: () => (length > pieceLength ? piecesOf(bytes) : bytes) };
}

async function* piecesOf(bytes: Uint8Array): Pieces {
  for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
}

/**
 * The body of a Request is a stream even if the Request was made of bytes. A stream that ends with its first chunk is
 * taken for bytes: it is sent with its length, and can be sent again.
 */
async function ofStream(stream: ReadableStream<Uint8Array>): Promise<RequestBody> {
  const reader = stream.getReader();
  const first = await reader.read();
  if (first.done) return ofBytes(new Uint8Array());
  const second = reader.read();
  second.catch(() => undefined); // `rest` throws this error
  const next = await Promise.race([second, nextTurn()]);
  if (next?.done === true) return ofBytes(bytesOf(first.value));

  async function* rest(): Pieces {
    try {
      yield bytesOf(first.value!);
      for (let { done, value } = await second; !done; { done, value } = await reader.read()) yield bytesOf(value!);
    } finally {
      await reader.cancel(); // undici stops reading when the exchange has ended
    }
  }
  const cancel = (reason: unknown): void => void reader.cancel(reason).catch(() => undefined);
  return { length: undefined, replayable: false, open: rest, cancel };
}

function bytesOf(chunk: unknown): Uint8Array {
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
