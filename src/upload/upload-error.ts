/** The error of an upload. */
import { KyoaError } from '../core/errors.ts';

/** What an `UploadError` says of the upload. */
export interface UploadFacts {
  /** How many bytes the server has confirmed. */
  readonly offset: number;
  /** The response that ended the upload, if one did. */
  readonly response?: Response | undefined;
  readonly cause?: unknown;
}

/**
 * An upload has not arrived. `UPLOAD_FAILED`: the server has refused it, or too many requests in a row have confirmed no new
 * byte. `UPLOAD_MISMATCH`: the `requestId` belongs to another file. `UPLOAD_UNSUPPORTED`: the server speaks no protocol of
 * resumable uploads.
 *
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { upload, UploadError } from 'kyoa/upload';
 *
 * try {
 *   await upload(kyoa, 'https://api.example.com/files', new Blob(['...']));
 * } catch (error) {
 *   if (error instanceof UploadError) console.warn(error.code, error.offset, error.response?.status);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/uploads.md#errors
 */
export class UploadError extends KyoaError implements UploadFacts {
  override name = 'UploadError';
  readonly offset: number;
  declare readonly response: Response | undefined;

  constructor(
    code: 'UPLOAD_FAILED' | 'UPLOAD_MISMATCH' | 'UPLOAD_UNSUPPORTED',
    message: string,
    { offset, response, cause }: UploadFacts = { offset: 0 },
  ) {
    super(code, message, cause === undefined ? {} : { cause });
    this.offset = offset;
    // A log of the error must not contain the headers of the response.
    Object.defineProperty(this, 'response', { value: response, enumerable: false });
  }
}
