/** Uploads that go on where they broke off: tus 1.0, and the IETF's draft of resumable uploads. */
import { memory } from '../../adapters/storage/memory.ts';
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { runHarmless } from '../core/engine/user-function.ts';
import { invalid } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { restoreResponse, serializeResponse } from '../lib/body/serialize.ts';
import { noop } from '../lib/noop.ts';
import { ChunkSize } from './chunk-size.ts';
import { Continuations } from './continuations.ts';
import { create, type Target } from './create.ts';
import { protocols } from './detect.ts';
import { parse, type Policy, type UploadOptions, type UploadProgress } from './options.ts';
import { fingerprintOf, keyOf, UploadRecord, type StoredUpload } from './record.ts';
import { resolved, sender, storageOf, type UploadApi } from './send.ts';
import { gone, Transfer, type Job } from './transfer.ts';
import { UploadError } from './upload-error.ts';

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
  const [policy, call] = parse(options);
  const blob = blobOf(data);
  const { requestId, onProgress } = policy;
  const report = (offset: number): void => {
    if (onProgress !== undefined) runHarmless('onProgress of upload()', onProgress, progressOf(offset, blob.size));
  };
  const target = resolved(api, url);
  const send = sender(api, call);
  const record = new UploadRecord(storageFor(api, policy), keyOf(target, requestId ?? ''), policy.ttl);
  call.signal?.throwIfAborted();
  await record.open(requestId === undefined ? anonymous : await fingerprintOf(blob));
  if (record.upload.result !== undefined) {
    report(blob.size);
    return restored(record.upload, target);
  }

  const signal = call.signal ?? new AbortController().signal;
  const job: Job = {
    blob,
    send,
    chunk: new ChunkSize(policy.chunk),
    continuations: new Continuations(policy.continuations, policy.backoff, signal),
    signal,
    onProgress: report,
  };
  const last = await transfer(job, record, { ...policy, url: target });
  const { response, text } = await serializeResponse(last, maxBufferedBody);
  const { url: resource = target } = record.upload;
  // The file has arrived: a storage that fails now must not make the caller upload it again.
  await (text === undefined ? record.delete() : record.complete(text)).catch(noop);
  return { response, url: resource };
}

/** Without a `requestId` the record is for this call alone. */
const anonymous = { size: 0, type: '', digest: '' };

/** Creates the upload unless there is one, and sends the bytes. An upload that the server has removed begins anew, once. */
async function transfer(job: Job, record: UploadRecord, target: Target): Promise<Response> {
  for (let isRestarted = false; ;) {
    const created = record.upload.url === undefined ? await create(job, record, target) : undefined;
    if (created?.response !== undefined) {
      job.onProgress(job.blob.size);
      return created.response;
    }
    const { protocol, url } = record.upload;
    if (protocol === undefined || url === undefined) continue; // another tab has begun the upload anew
    const end = await new Transfer(job, { protocol: protocols[protocol], url }, created?.offset)
      .run()
      .catch(dropMismatch);
    if (end !== gone) return end;
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
