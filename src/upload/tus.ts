/** tus 1.0, with its extensions creation and termination. */
import type { Metadata, Protocol } from './protocol.ts';

/** @see https://tus.io/protocols/resumable-upload */
export const tus: Protocol = {
  name: 'tus',
  headers: { 'tus-resumable': '1.0.0' },
  creation(blob, metadata) {
    const encoded = encodeMetadata({ ...factsOf(blob), ...metadata });
    return { 'upload-length': String(blob.size), ...(encoded !== '' && { 'upload-metadata': encoded }) };
  },
  append: (offset) => ({
    'content-type': 'application/offset+octet-stream',
    'upload-offset': String(offset),
  }),
  isComplete: () => undefined,
  hasLastRequest: false,
};

/** The name and the type of a File, under the names that tus servers know. */
function factsOf(blob: Blob): Metadata {
  return {
    ...('name' in blob && typeof blob.name === 'string' && { filename: blob.name }),
    ...(blob.type !== '' && { filetype: blob.type }),
  };
}

function encodeMetadata(metadata: Metadata): string {
  return Object.entries(metadata)
    .map(([name, value]) => `${name} ${base64(value)}`.trim())
    .join(',');
}

function base64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
