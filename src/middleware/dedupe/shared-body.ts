/** Reads a body once for several readers. Its bytes are held once, and only until the slowest reader has passed them. */
import { byteStream, concat, type Bytes } from '../../lib/body/streams.ts';
import type { Content } from '../../lib/body/synthetic-response.ts';
import { collectedRegistry } from '../../lib/platform.ts';
import { noop } from '../../lib/noop.ts';

/** By how many bytes a reader may be ahead of the slowest one: then it waits for that one. */
export const maxLead: number = 64 * 1024 * 1024;

/** A position in the body. It has a chunk, or an end, once that has arrived. */
export interface Position {
  readonly offset: number;
  chunk?: { readonly bytes: Bytes; readonly next: Position };
  end?: { readonly failed: boolean; readonly error?: unknown };
}

export interface Reader {
  /** What it reads next. */
  at: Position | undefined;
  /** Rejects its pending read. */
  reject: (reason: unknown) => void;
}

export class SharedBody {
  readonly #source: ReadableStreamDefaultReader<Bytes>;
  readonly #readers: readonly Reader[];
  #last: Position = { offset: 0 };
  #reading: Promise<void> | undefined;
  #resume: () => void = noop;

  /** `readers` has all readers that have not left, and no other. They read the body from its beginning. */
  constructor(body: ReadableStream<Bytes>, readers: readonly Reader[]) {
    this.#source = body.getReader();
    this.#readers = readers;
    for (const reader of readers) reader.at = this.#last;
  }

  /** Whether the body has arrived whole, or has failed. */
  get isOver(): boolean {
    return this.#last.end !== undefined;
  }

  /** Reads ahead of all readers. Resolves to the whole body, or to `undefined` if it is longer than `limit` or has failed. */
  async readAhead(limit: number): Promise<Content | undefined> {
    const chunks: Bytes[] = [];
    let at = this.#last;
    while (at.end === undefined && at.offset <= limit) {
      if (at.chunk === undefined) await this.#more();
      else {
        chunks.push(at.chunk.bytes);
        at = at.chunk.next;
      }
    }
    return at.end?.failed === false ? { bytes: concat(chunks) } : undefined;
  }

  /** The body as it arrives. `leave` is called if the stream is cancelled, or is collected before its end. */
  stream(reader: Reader, leave: (reason: unknown) => void): ReadableStream<Bytes> {
    const stream = byteStream(() => this.#next(reader), leave);
    abandoned.register(stream, leave, reader);
    return stream;
  }

  /** Fails all readers, each after the bytes that have arrived, and cancels the body. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.#last.end = { failed: true, error };
    void this.#source.cancel(error).catch(noop); // a stream that was made by hand does not react to a signal
    this.#resume();
  }

  /** A pending read of the reader and all later ones reject with the reason. It holds no more bytes. */
  close(reader: Reader, reason: unknown): void {
    abandoned.unregister(reader); // `leave` leads to the reason, its stack to the stream: none would be collected
    reader.at = { offset: Infinity, end: { failed: true, error: reason } };
    reader.reject(reason);
    this.#resume();
  }

  async #next(reader: Reader): Promise<Bytes | undefined> {
    for (;;) {
      const { chunk, end } = reader.at!;
      if (chunk !== undefined) {
        reader.at = chunk.next;
        this.#resume();
        return new Uint8Array(chunk.bytes); // a copy, because other readers get the same bytes
      }
      if (end) abandoned.unregister(reader);
      if (end?.failed) throw end.error;
      if (end) return undefined;
      await new Promise<void>((resolve, reject) => {
        reader.reject = reject;
        void this.#more().then(resolve);
      });
    }
  }

  /** Resolves when a chunk or the end has arrived. All readers that wait share one read. */
  #more(): Promise<void> {
    return (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
  }

  async #read(): Promise<void> {
    try {
      while (this.#isFarAhead()) await new Promise<void>((resolve) => (this.#resume = resolve));
      const { done, value } = await this.#source.read();
      const { offset, end } = this.#last;
      if (end) return; // it was failed, which ends the read
      if (done) this.#last.end = { failed: false };
      else if (value.byteLength !== 0) {
        // The length is NaN if the chunk is not bytes: then it is not read ahead, and its readers fail.
        const next = { offset: offset + value.byteLength };
        this.#last.chunk = { bytes: value, next };
        this.#last = next;
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #isFarAhead(): boolean {
    const { offset, end } = this.#last;
    return end === undefined && offset > maxLead && this.#readers.some(({ at }) => offset - at!.offset > maxLead);
  }
}

const abandoned = /* @__PURE__ */ collectedRegistry<(reason: unknown) => void>((leave) =>
  leave(new DOMException('The response was not read', 'AbortError')),
);
