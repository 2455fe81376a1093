/** The body of a request in the form that undici sends: bytes, or pieces as they come. */
import { bodySource, isRereadable, type Rereadable } from '../../../src/core/engine/body-source.ts';
import { encodeForm } from './form.ts';

type Pieces = AsyncIterable<Uint8Array>;

export interface Outgoing {
  /** Bytes; undefined where only the end will tell. */
  readonly length: number | undefined;
  /** Whether `open` can be called again. */
  readonly again: boolean;
  open(): Uint8Array | Pieces;
  /** Of a stream: its producer is told that nobody takes more of it. */
  cancel?(reason: unknown): void;
}

/** A socket takes this much without waiting for its peer; a longer body goes in pieces that are watched. Bytes. */
const pieceLength = 64 * 1024;

/** `origin` is what the body was made of, where that is known. */
export function outgoing(
  request: Request,
  origin: BodyInit | null | undefined = bodySource(request),
): Outgoing | Promise<Outgoing> {
  return origin != null && isRereadable(origin) ? ofOrigin(request, origin) : peeked(request.body!);
}

function ofOrigin(request: Request, origin: Rereadable): Outgoing {
  if (typeof origin === 'string') return ofBytes(Buffer.from(origin));
  if (origin instanceof URLSearchParams) return ofBytes(Buffer.from(origin.toString()));
  if (origin instanceof Blob) return { length: origin.size, again: true, open: () => origin.stream() };
  if (origin instanceof FormData) return { ...encodeForm(origin, boundaryOf(request)), again: true };
  if (origin instanceof ArrayBuffer) return ofBytes(new Uint8Array(origin));
  return ofBytes(new Uint8Array(origin.buffer, origin.byteOffset, origin.byteLength));
}

function ofBytes(bytes: Uint8Array): Outgoing {
  const { length } = bytes;
  return { length, again: true, open: () => (length > pieceLength ? pieces(bytes) : bytes) };
}

async function* pieces(bytes: Uint8Array): Pieces {
  for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
}

/**
 * A Request of somebody else's making shows a stream whatever it was made of. One that is over with its first chunk
 * was made of bytes: it is sent with its length, and may be sent again.
 */
async function peeked(stream: ReadableStream<Uint8Array>): Promise<Outgoing> {
  const reader = stream.getReader();
  const first = await reader.read();
  if (first.done) return ofBytes(new Uint8Array());
  const second = reader.read();
  second.catch(() => undefined); // whoever reads on hears of it
  const next = await Promise.race([second, turn()]);
  if (next?.done === true) return ofBytes(bytesOf(first.value));

  async function* rest(): Pieces {
    try {
      yield bytesOf(first.value!);
      for (let { done, value } = await second; !done; { done, value } = await reader.read()) yield bytesOf(value!);
    } finally {
      await reader.cancel(); // undici gave up, or the stream is over
    }
  }
  const cancel = (reason: unknown): void => void reader.cancel(reason).catch(() => undefined);
  return { length: undefined, again: false, open: rest, cancel };
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('Received non-Uint8Array chunk');
}

function turn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(resolve, undefined));
}

function boundaryOf(request: Request): string {
  return /boundary=("?)([^";]+)\1/i.exec(request.headers.get('content-type') ?? '')?.[2] ?? crypto.randomUUID();
}
