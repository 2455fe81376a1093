/**
 * Content codings (RFC 9110 §8.4.1). An encoded body that breaks off is an error here; other implementations of fetch
 * pass on what could be decoded.
 */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

import type { BodySink, BodySource, ResponseBody } from './response-body.ts';

type Decoder = (first: Uint8Array) => Transform;

/** RFC 9110 defines `deflate` as zlib's format. Some servers send the raw format, which browsers accept as well. */
const inflate: Decoder = (first) => ((first[0]! & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw());

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: inflate,
  'x-deflate': inflate,
  br: () => zlib.createBrotliDecompress(),
  // Node has zstd since 22.15.
  ...('createZstdDecompress' in zlib && { zstd: () => zlib.createZstdDecompress() }),
};

/** The `Accept-Encoding` of a request that has none. */
export const acceptEncoding: string = ['gzip', 'deflate', 'br', 'zstd']
  .filter((coding) => coding in decoders)
  .join(', ');

/** curl's limit. A response with more codings is an attempt to exhaust the client. */
const maxCodings = 5;

/** The decoders of a `Content-Encoding`, the last coding first; none if one coding is unknown, as in fetch. */
export function decodersOf(contentEncoding: string): readonly Decoder[] {
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.length > maxCodings) throw new Error(`more than ${maxCodings} content codings`);
  const found = codings.map((coding) => (Object.hasOwn(decoders, coding) ? decoders[coding] : undefined));
  return found.every((decoder) => decoder !== undefined) ? found.toReversed() : [];
}

/** Decodes a body between the connection and the response body. It passes back-pressure on to the connection. */
export class ContentDecoder implements BodySink, BodySource {
  readonly #decoders: readonly Decoder[];
  readonly #source: BodySource;
  #stages: readonly Transform[] | undefined;
  #paused = false;
  /** The receiver of the decoded bytes. */
  sink!: ResponseBody;

  constructor(decoders: readonly Decoder[], source: BodySource) {
    this.#decoders = decoders;
    this.#source = source;
  }

  push(chunk: Uint8Array): void {
    this.sink.encodedBytesArrived();
    this.#stages ??= this.#open(chunk);
    if (!this.#stages[0]!.write(chunk)) this.#source.pause();
  }

  /** An empty body is valid with any content coding. */
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
    // Only the outermost coding shows its first byte before it is decoded; an inner `deflate` is taken for zlib's format.
    const stages = this.#decoders.map((decoder, at) => decoder(at === 0 ? first : zlibFirstByte));
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

const zlibFirstByte = Uint8Array.of(0x78);
