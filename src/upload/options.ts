/** The options of `upload()`. */
import {
  count,
  delay,
  duration,
  fn,
  invalid,
  object,
  oneOf,
  positive,
  storage,
  text,
  type Settings,
  type Shape,
} from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import type { Metadata, ProtocolName } from './protocol.ts';
import type { UploadCallOptions } from './send.ts';

/**
 * How far an upload is. The members are those of ky's `Progress`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#options
 */
export interface UploadProgress {
  /** From 0 to 1. */
  readonly percent: number;
  /** The bytes that the server has confirmed. */
  readonly transferredBytes: number;
  readonly totalBytes: number;
}

/**
 * The options of `upload()`. Durations are in ms. Every further member is an option of each request.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#options
 */
export interface UploadOptions extends UploadCallOptions {
  /** Names the upload of this file to this URL. A later call with the same name goes on, also after a reload. @default none: the upload ends with the call */
  readonly requestId?: string | undefined;
  /** Where the URL of the upload is kept. @default the storage of the client or fetch */
  readonly storage?: Storage | undefined;
  /** The protocol of the server. `'auto'` asks the server by OPTIONS. @default 'auto' */
  readonly protocol?: 'auto' | ProtocolName | undefined;
  /** The most bytes of a request. `Infinity`: all that is missing. @default as many as the connection takes in 2 s, from 1 MiB on */
  readonly chunk?: number | undefined;
  /** What a tus server learns of the file (`Upload-Metadata`). @default `filename` and `filetype`, if the file has them */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Called when the upload begins or continues, and for each request that the server has confirmed. An error that it throws does not affect the upload. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** How many requests in a row may confirm no new byte before the upload fails. @default 5 */
  readonly continuations?: number | undefined;
  /** The pause before the next request after one that has confirmed nothing, ms. @default exponential(1_000, 30_000) */
  readonly backoff?: Backoff | undefined;
  /** How long the storage keeps the URL of an upload, and later its result, ms. @default 604_800_000 */
  readonly ttl?: number | undefined;
}

type Own =
  | 'requestId'
  | 'storage'
  | 'protocol'
  | 'chunk'
  | 'metadata'
  | 'onProgress'
  | 'continuations'
  | 'backoff'
  | 'ttl';
export type Policy = Settings<Pick<UploadOptions, Own>, 'requestId' | 'storage' | 'chunk' | 'metadata' | 'onProgress'>;

const shape: Shape<Policy> = {
  requestId: [requestName, undefined],
  storage: [storage, undefined],
  protocol: [oneOf, 'auto', ['auto', 'draft', 'tus']],
  chunk: [positive, undefined],
  metadata: [checkedMetadata, undefined],
  onProgress: [fn, undefined],
  continuations: [count, 5],
  backoff: [fn, /* @__PURE__ */ exponential(1_000, 30_000), delay],
  ttl: [duration, 7 * 24 * 3_600_000],
};

/** The options of the upload, and those of its requests. */
export function parse({
  requestId,
  storage,
  protocol,
  chunk,
  metadata,
  onProgress,
  continuations,
  backoff,
  ttl,
  ...call
}: UploadOptions): [Policy, UploadCallOptions] {
  const own = { requestId, storage, protocol, chunk, metadata, onProgress, continuations, backoff, ttl };
  return [object('upload', own, shape), call];
}

function requestName(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(name, value, 'a string that is not empty');
}

/** A name of tus metadata has no space and no comma. */
function checkedMetadata(name: string, value: Metadata): Metadata {
  for (const [key, member] of Object.entries(knownObject(name, value))) {
    if (!/^[\x21-\x2b\x2d-\x7e]+$/.test(key)) throw invalid(`${name} key`, key, 'ASCII without spaces and commas');
    text(`${name} ${key}`, member);
  }
  return value;
}

function knownObject<T>(name: string, value: T): T & object {
  if (typeof value === 'object' && value !== null) return value;
  throw invalid(name, value, "an object of strings, such as { filename: 'film.mp4' }");
}
