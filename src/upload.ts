/** The public names of `kyoa/upload`. */
export { upload } from './upload/upload.ts';
export { cancelUpload } from './upload/cancel-upload.ts';
export type { CancelUploadOptions } from './upload/cancel-upload.ts';
export type { Uploaded } from './upload/upload.ts';
export type { UploadOptions, UploadProgress } from './upload/options.ts';
export type { UploadApi, UploadCallOptions } from './upload/send.ts';
export type { ProtocolName } from './upload/protocol.ts';
export { UploadError } from './upload/upload-error.ts';
