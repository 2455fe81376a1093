/** The bytes of a body that have arrived and were not read, with small chunks joined. */

/**
 * A chunk is a view of the memory that the socket was read into. Each costs some hundred bytes beside its own, and a server
 * may send one for every byte.
 */
const smallChunk = 1024;
const pieceLength = 16 * 1024;

export class ByteQueue {
  size = 0;
  #chunks: Uint8Array[] = [];
  /** The memory of the last chunk, if it is our own, and how many bytes of it are in use. */
  #piece: Uint8Array | undefined;
  #used = 0;

  push(chunk: Uint8Array): void {
    const { length } = chunk;
    this.size += length;
    if (this.#piece !== undefined && length <= this.#piece.length - this.#used) return this.#append(chunk);
    this.#endPiece();
    if (this.#chunks.length === 0 || length >= smallChunk) return void this.#chunks.push(chunk);
    this.#piece = Buffer.allocUnsafeSlow(pieceLength);
    this.#used = 0;
    this.#chunks.push(this.#piece);
    this.#append(chunk);
  }

  /** Returns the chunks and empties the queue. */
  take(): Uint8Array[] {
    this.#endPiece();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.size = 0;
    return chunks;
  }

  #append(chunk: Uint8Array): void {
    this.#piece!.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  #endPiece(): void {
    if (this.#piece === undefined) return;
    this.#chunks[this.#chunks.length - 1] = this.#piece.subarray(0, this.#used);
    this.#piece = undefined;
  }
}
