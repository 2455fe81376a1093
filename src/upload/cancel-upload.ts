/** Cancels an upload that was begun with a `requestId`. */
import { invalid, storage as checkedStorage } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { discardOutcome, settle, unwrap } from '../lib/outcome.ts';
import { protocols } from './detect.ts';
import { keyOf, UploadRecord } from './record.ts';
import { resolved, sender, storageOf, type UploadApi, type UploadCallOptions } from './send.ts';

/**
 * The options of `cancelUpload()`: those of `upload()` that name the upload, and the options of its request.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#pause-and-cancel
 */
export interface CancelUploadOptions extends UploadCallOptions {
  readonly requestId: string;
  /** @default the storage of the client or fetch */
  readonly storage?: Storage | undefined;
}

/**
 * Cancels an upload that is not complete: the server is asked to remove it (DELETE), and the storage forgets it. Resolves to
 * whether there was one. A server need not support it; then it removes the upload when it expires.
 *
 * Abort a call of `upload()` that is still sending before.
 *
 * @throws the error of the network, if the server could not be asked; the storage still has the upload then
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { cancelUpload } from 'kyoa/upload';
 *
 * await cancelUpload(kyoa, 'https://api.example.com/files', { requestId: 'film-42' });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#pause-and-cancel
 */
export async function cancelUpload(
  api: UploadApi,
  url: string | URL,
  { requestId, storage = storageOf(api), ...call }: CancelUploadOptions,
): Promise<boolean> {
  if (typeof requestId !== 'string' || requestId === '') throw invalid('requestId', requestId, 'that of upload()');
  const record = new UploadRecord(
    checkedStorage('cancelUpload storage', storage!),
    keyOf(resolved(api, url), requestId),
    Infinity,
  );
  if (!(await record.read()) || record.upload.result !== undefined) return false;
  const { protocol, url: resource } = record.upload;
  if (protocol !== undefined && resource !== undefined) {
    const { headers } = protocols[protocol];
    const outcome = await settle(sender(api, call)({ method: 'DELETE', url: resource, isResource: true, headers }));
    unwrap(outcome);
    discardOutcome(outcome);
  }
  await record.delete();
  return true;
}
