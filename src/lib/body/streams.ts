/** Streams like the platform's own bodies: their chunks come when they are asked for, and a reader may bring its own buffer. */

export type Bytes = Uint8Array<ArrayBuffer>;

/** `next` makes a chunk, which is the reader's from then on and is not empty; `undefined` is the end. */
export function byteStream(
  next: () => Bytes | undefined | Promise<Bytes | undefined>,
  cancel?: (reason: unknown) => void,
): ReadableStream<Bytes> {
  const source = {
    async pull(controller: ReadableByteStreamController | ReadableStreamDefaultController<Bytes>) {
      const chunk = await next();
      if (chunk !== undefined) return controller.enqueue(chunk);
      controller.close();
      if ('byobRequest' in controller) controller.byobRequest?.respond(0); // or its reader would wait for ever
    },
    ...(cancel && { cancel }),
  };
  try {
    return new ReadableStream({ ...source, type: 'bytes' });
  } catch {
    return new ReadableStream(source, { highWaterMark: 0 }); // Safari has no streams of bytes
  }
}

/**
 * Moves what comes into `chunks` until the body ends or they are more than `longest` bytes; resolves to whether it has
 * ended. Rejects as the body does, with all that came before in `chunks`.
 */
export async function readUpTo(
  reader: ReadableStreamDefaultReader<Bytes>,
  chunks: Bytes[],
  longest: number,
): Promise<boolean> {
  for (let length = 0; length <= longest;) {
    const { done, value } = await reader.read();
    if (done) return true;
    chunks.push(value);
    length += value.byteLength;
  }
  return false;
}
