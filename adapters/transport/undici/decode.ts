/** Content codings (RFC 9110 §8.4.1). A body that breaks off is an error, where other fetches hand out what there was. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

import type { Incoming, Receiver, Source } from './incoming.ts';

type Decoder = (first: Uint8Array) => Transform;

/** RFC 9110 has zlib's format for `deflate`; some servers send it bare, as browsers accept it. */
const inflate: Decoder = (first) => ((first[0]! & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw());

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: inflate,
  'x-deflate': inflate,
  br: () => zlib.createBrotliDecompress(),
  // Since Node 22.15.
  ...('createZstdDecompress' in zlib && { zstd: () => zlib.createZstdDecompress() }),
};

/** What is asked for. */
export const acceptEncoding: string = ['gzip', 'deflate', 'br', 'zstd']
  .filter((coding) => coding in decoders)
  .join(', ');

/** No answer has more, unless somebody wants it to take for ever; curl's limit. */
const mostCodings = 5;

/** Undoes the codings of a `Content-Encoding`, last one first; none of them when one is unknown, as fetch does. */
export function decodersOf(contentEncoding: string): readonly Decoder[] {
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.length > mostCodings) throw new Error(`more than ${mostCodings} content codings`);
  const found = codings.map((coding) => (Object.hasOwn(decoders, coding) ? decoders[coding] : undefined));
  return found.every((decoder) => decoder !== undefined) ? found.toReversed() : [];
}

/** Between the connection and whoever reads; back-pressure goes through. */
export class Decoding implements Receiver, Source {
  readonly #chain: readonly Decoder[];
  readonly #source: Source;
  #stages: readonly Transform[] | undefined;
  #paused = false;
  /** Where decoded bytes go. */
  sink!: Incoming;

  constructor(chain: readonly Decoder[], source: Source) {
    this.#chain = chain;
    this.#source = source;
  }

  push(chunk: Uint8Array): void {
    this.sink.touch();
    this.#stages ??= this.#open(chunk);
    if (!this.#stages[0]!.write(chunk)) this.#source.pause();
  }

  /** An empty body is empty, whatever it says of its coding. */
  end(): void {
    if (this.#stages === undefined) this.sink.end();
    else this.#stages[0]!.end();
  }

  fail(error: Error): void {
    this.#destroy();
    this.sink.fail(error);
  }

  pause(): void {
    this.#paused = true;
    this.#stages?.at(-1)!.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stages?.at(-1)!.resume();
  }

  cancel(): void {
    this.#destroy();
    this.#source.cancel();
  }

  #open(first: Uint8Array): Transform[] {
    // Only the outermost coding shows its first byte before it is undone; a `deflate` beneath is taken for zlib's.
    const stages = this.#chain.map((decoder, at) => decoder(at === 0 ? first : zlibsFirstByte));
    for (const [at, stage] of stages.entries()) {
      stages[at - 1]?.pipe(stage);
      stage.on('error', (error) => {
        this.fail(error);
        this.#source.cancel();
      });
    }
    stages[0]!.on('drain', () => this.#source.resume());
    const last = stages.at(-1)!;
    last.on('data', (chunk: Buffer) => this.sink.push(chunk));
    last.on('end', () => this.sink.end());
    if (this.#paused) last.pause();
    return stages;
  }

  #destroy(): void {
    for (const stage of this.#stages ?? []) stage.destroy();
  }
}

const zlibsFirstByte = Uint8Array.of(0x78);
