/** Uploads that go on where they broke off: tus 1.0, and the IETF's draft of resumable uploads. */
import { memory } from '../../adapters/storage/memory.ts';
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
import { restoreResponse } from '../lib/body/serialize-response.ts';
import { noop } from '../lib/noop.ts';
import { ChunkSize } from './chunk-size.ts';
import { Continuations } from './continuations.ts';
import { create, type Target } from './create.ts';
import { protocols } from './detect.ts';
import type { Metadata, ProtocolName } from './protocol.ts';
import { fingerprintOf, keyOf, UploadRecord, type StoredUpload } from './record.ts';
import { sender, storageOf, type UploadApi, type UploadCallOptions } from './send.ts';
import { gone, Transfer, type Job, type Result } from './transfer.ts';
import { UploadError } from './upload-error.ts';

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
  /** The most bytes of a request. `Infinity`: all that is missing. @default as many as the line takes in 2 s, from 1 MiB on */
  readonly chunk?: number | undefined;
  /** What a tus server learns of the file (`Upload-Metadata`). @default `filename` and `filetype`, if the file has them */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Called when the upload begins or continues, and for each request that the server has confirmed. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** How many requests in a row may confirm no new byte before the upload fails. @default 5 */
  readonly continuations?: number | undefined;
  /** The pause before the next request after one that has confirmed nothing, ms. @default exponential(1_000, 30_000) */
  readonly backoff?: Backoff | undefined;
  /** How long the storage keeps the URL of an upload, and later its result, ms. @default 604_800_000 */
  readonly ttl?: number | undefined;
}

/**
 * An upload that has arrived.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md
 */
export interface Uploaded {
  /** The last response. By the draft it is that of the resource to which the file was uploaded. */
  readonly response: Response;
  /** The URL of the upload on the server. Servers may let anybody append who has it: treat it as a secret. */
  readonly url: string;
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
type Policy = Settings<Pick<UploadOptions, Own>, 'requestId' | 'storage' | 'chunk' | 'metadata' | 'onProgress'>;

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

/** In place of the limits of the stack, which are for short calls, ms. */
const appendLimit = 60_000;

/**
 * Uploads a file in requests that go on where the last one broke off, and resolves when the server has all of it. The server
 * speaks tus 1.0 or draft-ietf-httpbis-resumable-upload (interop version 8).
 *
 * Each request is a call of its own through the stack of `api`, with its limits. An append is not retried as it is: after a
 * failure the server is asked what it has. With a `requestId`, the URL of the upload is kept in the storage, and another call
 * with the same `requestId` goes on, also after a reload or a crash. It does not upload parts in parallel, and it takes no
 * stream, because a stream cannot be read again.
 *
 * @throws {UploadError} `UPLOAD_FAILED`, `UPLOAD_MISMATCH`, `UPLOAD_UNSUPPORTED`
 * @throws {KyoaError} `INVALID_OPTION`; `STORAGE` before anything is sent
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { upload } from 'kyoa/upload';
 *
 * const film = new File(['...'], 'film.mp4', { type: 'video/mp4', lastModified: 0 });
 * const { url } = await upload(kyoa, 'https://api.example.com/files', film, {
 *   requestId: 'film-42',
 *   onProgress: ({ percent }) => console.log(percent),
 * });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpbis-resumable-upload/
 * @see https://tus.io/protocols/resumable-upload
 */
export async function upload(
  api: UploadApi,
  url: string | URL,
  data: Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer> | string,
  options: UploadOptions = {},
): Promise<Uploaded> {
  const [policy, call] = split(options);
  const blob = blobOf(data);
  const { requestId, onProgress = noop } = policy;
  const target = String(url);
  const record = new UploadRecord(storageFor(api, policy), keyOf(target, requestId ?? ''), policy.ttl);
  call.signal?.throwIfAborted();
  await record.open(requestId === undefined ? anonymous : await fingerprintOf(blob));
  if (record.upload.result !== undefined) {
    onProgress(progressOf(blob.size, blob.size));
    return restored(record.upload, target);
  }

  const { signal = new AbortController().signal } = call;
  const job: Job = {
    blob,
    send: sender(api, call),
    chunk: new ChunkSize(policy.chunk),
    continuations: new Continuations(policy.continuations, policy.backoff, signal),
    signal,
    appendLimit: call.timeout === undefined ? appendLimit : Infinity,
    onProgress: (offset) => onProgress(progressOf(offset, blob.size)),
  };
  const { response, text } = await transfer(job, record, { ...policy, url: target });
  const { url: resource = target } = record.upload;
  // The file has arrived: a storage that fails now must not make the caller upload it again.
  await (text === undefined ? record.delete() : record.complete(text)).catch(noop);
  return { response, url: resource };
}

/** Without a `requestId` the record is for this call alone. */
const anonymous = { size: 0, type: '', digest: '' };

/** Creates the upload unless there is one, and sends the bytes. An upload that the server has removed begins anew, once. */
async function transfer(job: Job, record: UploadRecord, target: Target): Promise<Result> {
  for (let isRestarted = false; ;) {
    const created = record.upload.url === undefined ? await create(job, record, target) : undefined;
    if (created?.result !== undefined) return created.result;
    const { protocol, url } = record.upload;
    if (protocol === undefined || url === undefined) continue; // another tab has begun the upload anew
    const result = await new Transfer(job, { protocol: protocols[protocol], url }, created?.offset)
      .run()
      .catch(dropMismatch);
    if (result !== gone) return result;
    if (isRestarted) throw new UploadError('UPLOAD_FAILED', 'The server has removed the upload twice; ask why it did');
    isRestarted = true;
    await record.restart();
  }

  /** The URL is that of another file: it must not be used again. */
  async function dropMismatch(error: unknown): Promise<never> {
    if (error instanceof UploadError && error.code === 'UPLOAD_MISMATCH') await record.delete();
    throw error;
  }
}

/** A repeat of an upload that is complete: nothing is sent. */
function restored({ result, url }: StoredUpload, target: string): Uploaded {
  return { response: restoreResponse(result!), url: url ?? target };
}

function split({
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

function storageFor(api: UploadApi, { storage = storageOf(api), requestId }: Policy): Storage {
  if (requestId === undefined) return memory();
  if (storage !== undefined) return storage;
  throw invalid('upload storage', storage, `a storage, such as indexeddb('uploads'), because this fetch has none`);
}

function progressOf(transferredBytes: number, totalBytes: number): UploadProgress {
  return { percent: totalBytes === 0 ? 1 : transferredBytes / totalBytes, transferredBytes, totalBytes };
}

/** Bytes and texts are copied: what the caller changes later is not sent. */
function blobOf(data: unknown): Blob {
  // `File` and `Blob` of another realm, such as that of Jest, are recognized by their tag.
  if (data instanceof Blob || /^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(data)))
    return data as Blob;
  if (typeof data === 'string' || data instanceof ArrayBuffer || ArrayBuffer.isView(data))
    return new Blob([data as BlobPart]);
  throw invalid(
    'upload data',
    data,
    'a Blob, a File, bytes or a string; a stream cannot be read again: in Node, openAsBlob(path)',
  );
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
