/** The first bytes of a body, for whoever needs all of a short one and not much of a long one. */

/**
 * Moves what comes into `chunks` until the body ends or they are more than `longest` bytes; resolves to whether it has
 * ended. Rejects as the body does, with all that came before in `chunks`.
 */
export async function readBeginning(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  chunks: Uint8Array<ArrayBuffer>[],
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
