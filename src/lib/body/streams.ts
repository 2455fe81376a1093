/** Helpers for streams of bytes: create one, read one up to a limit, read on after that, join chunks. */
import { noop } from '../noop.ts';

/** `Uint8Array<ArrayBuffer>`, a type that takes no argument before TypeScript 5.7. */
export type Bytes = ReturnType<Uint8Array['slice']>;

/**
 * A stream that behaves like the body of a platform's Response: it calls `next` only when its reader wants a chunk, and
 * the reader may bring its own buffer. `next` returns a chunk that is not empty, or `undefined` at the end. The stream
 * transfers the buffer of the chunk, so `next` must not use that buffer again.
 */
export function byteStream(
  next: () => Bytes | undefined | Promise<Bytes | undefined>,
  cancel?: (reason: unknown) => void,
): ReadableStream<Bytes> {
  const source = {
    async pull(controller: ReadableByteStreamController | ReadableStreamDefaultController<Bytes>) {
      const chunk = await next();
      if (chunk !== undefined) return controller.enqueue(chunk);
      controller.close();
      if ('byobRequest' in controller) controller.byobRequest?.respond(0); // otherwise the pending read never settles
    },
    ...(cancel && { cancel }),
  };
  try {
    return new ReadableStream({ ...source, type: 'bytes' });
  } catch {
    return new ReadableStream(source, { highWaterMark: 0 }); // Safari has no byte streams
  }
}

/**
 * Appends chunks to `chunks` until the body ends or they hold more than `limit` bytes. Resolves to whether the body has
 * ended. Rejects with the error of the body; the chunks before the error are then in `chunks`.
 */
export async function readUpTo(
  reader: ReadableStreamDefaultReader<Bytes>,
  chunks: Bytes[],
  limit: number,
): Promise<boolean> {
  for (let length = 0; length <= limit;) {
    const { done, value } = await reader.read();
    if (done) return true;
    chunks.push(value);
    length += value.byteLength;
  }
  return false;
}

/** A stream of the chunks that `readUpTo` has read, and then of the rest, which it reads only on demand. */
export function readOn(chunks: Bytes[], reader: ReadableStreamDefaultReader<Bytes>): ReadableStream<Bytes> {
  const next = async (): Promise<Bytes | undefined> => {
    const chunk = chunks.length > 0 ? chunks.shift() : (await reader.read()).value;
    // A copy, because chunks may share a buffer, which would be transferred. The `slice` of a Buffer would be none.
    return chunk?.byteLength === 0 ? next() : chunk && new Uint8Array(chunk);
  };
  // The cancel is not awaited: that of a tee branch stays pending until the other branch is cancelled, too.
  return byteStream(next, (reason) => void reader.cancel(reason).catch(noop));
}

/** The bytes of all chunks, in one array. */
export function concat(chunks: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
